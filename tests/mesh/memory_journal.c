#include "tests/mesh/memory_journal.h"

#include <stdio.h>
#include <string.h>

#include "mesh/fiber.h"
#include "tests/unit.h"

static mesh_code append(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  memory_journal *own = self;
  mesh_yield(own->loop);  // as a store would
  if (own->full) return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "the disk is full");
  assert_int_equal(record->last_sequence, own->count + 1);
  memcpy(own->events[own->count], event.data, event.size_bytes);
  own->sizes[own->count++] = event.size_bytes;
  own->state = record->state;
  own->last_sequence = record->last_sequence;
  return GRPC_STATUS_OK;
}

static mesh_code create(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  memory_journal *own = self;
  own->count = 0;
  snprintf(own->name, sizeof own->name, "%s", record->name);
  snprintf(own->request_id, sizeof own->request_id, "%s", record->request_id);
  return append(self, record, event, err);
}

static mesh_code read_events(void *self, const char *name, int64_t after_sequence,
                             void (*each)(void *arg, mesh_view event), void *arg, mesh_error *err) {
  memory_journal *own = self;
  if (strcmp(name, own->name) != 0) return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no %s", name);
  for (int i = (int)after_sequence; i < own->count; i++) {
    each(arg, (mesh_view){own->events[i], own->sizes[i]});
  }
  return GRPC_STATUS_OK;
}

static mesh_code find(void *self, const char *name, const char *request_id,
                      void (*each)(void *arg, const mesh_operation_record *record), void *arg,
                      mesh_error *err) {
  memory_journal *own = self;
  bool same = name != NULL ? strcmp(name, own->name) == 0
                           : own->request_id[0] != '\0' && strcmp(request_id, own->request_id) == 0;
  if (!same) return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no such operation");
  mesh_operation_record record = {.name = own->name,
                                  .kind = "",
                                  .title = "",
                                  .request_id = own->request_id,
                                  .work_key = "",
                                  .state = own->state,
                                  .last_sequence = own->last_sequence};
  each(arg, &record);
  return GRPC_STATUS_OK;
}

static mesh_code list(void *self, const char *kind, Millrace__V1__OperationState state, int limit,
                      void (*each)(void *arg, const mesh_operation_record *record), void *arg,
                      mesh_error *err) {
  (void)kind, (void)limit;
  memory_journal *own = self;
  if (own->count == 0 || own->state != state) return GRPC_STATUS_OK;
  return find(self, own->name, NULL, each, arg, err);
}

void memory_journal_init(memory_journal *journal, mesh_loop *loop) {
  *journal = (memory_journal){.loop = loop};
  journal->table = (mesh_journal){journal, create, append, read_events, find, list};
}
