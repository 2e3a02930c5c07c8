#include "tests/mesh/operation/memory_journal.h"

#include "tests/unit.h"

static mesh_code before_write(memory_journal *own, mesh_error *err) {
  mesh_yield(own->loop);  // as a store would
  mesh_scope waiting;
  mesh_scope_open_root(&waiting, own->loop);
  while (own->held)
    assert_int_equal(mesh_signal_wait(&own->released, &waiting, MESH_NEVER, err), GRPC_STATUS_OK);
  mesh_scope_close(&waiting);
  if (own->full) return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "the disk is full");
  if (own->busy > 0) {
    own->busy--;
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the store is busy");
  }
  if (own->taken) return mesh_fail(err, GRPC_STATUS_ABORTED, "a newer process owns the store");
  return GRPC_STATUS_OK;
}

static mesh_code written(memory_journal *own, const mesh_operation_record *record, mesh_code code) {
  if (code != GRPC_STATUS_OK) return code;
  own->count++;
  own->state = record->state;
  return code;
}

static const mesh_journal *inner_of(memory_journal *own) {
  return mesh_memory_journal_table(own->inner);
}

static mesh_code create(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  memory_journal *own = self;
  mesh_code code = before_write(own, err);
  if (code != GRPC_STATUS_OK) return code;
  const mesh_journal *inner = inner_of(own);
  return written(own, record, inner->create(inner->self, record, event, err));
}

static mesh_code append(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  memory_journal *own = self;
  mesh_code code = before_write(own, err);
  if (code != GRPC_STATUS_OK) return code;
  const mesh_journal *inner = inner_of(own);
  return written(own, record, inner->append(inner->self, record, event, err));
}

static mesh_code read_events(void *self, const char *name, int64_t after_sequence, int limit,
                             mesh_each_event each, void *arg, int *count, mesh_error *err) {
  memory_journal *own = self;
  own->reads++;
  mesh_yield(own->loop);
  const mesh_journal *inner = inner_of(own);
  return inner->read(inner->self, name, after_sequence, limit, each, arg, count, err);
}

static mesh_code find(void *self, const char *name, const char *request_id, mesh_each_record each,
                      void *arg, mesh_error *err) {
  mesh_yield(((memory_journal *)self)->loop);  // as a store would
  const mesh_journal *inner = inner_of(self);
  return inner->find(inner->self, name, request_id, each, arg, err);
}

static mesh_code list(void *self, const mesh_operation_filter *filter, mesh_each_record each,
                      void *arg, bool *more, mesh_error *err) {
  const mesh_journal *inner = inner_of(self);
  return inner->list(inner->self, filter, each, arg, more, err);
}

static mesh_code remove_operation(void *self, const char *name, int64_t *events, mesh_error *err) {
  const mesh_journal *inner = inner_of(self);
  return inner->remove(inner->self, name, events, err);
}

void memory_journal_init(memory_journal *journal, mesh_loop *loop) {
  *journal = (memory_journal){.loop = loop, .inner = mesh_memory_journal_create()};
  journal->table =
      (mesh_journal){journal, create, append, read_events, find, list, remove_operation, NULL};
}

void memory_journal_fini(memory_journal *journal) {
  mesh_memory_journal_destroy(journal->inner);
}
