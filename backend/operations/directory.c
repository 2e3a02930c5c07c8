#include "backend/operations/directory.h"

#include <stdio.h>
#include <string.h>

#include "backend/operations/operation_message.h"

// The message of what runs here; NULL if it does not. What is about to end counts as running until
// its outcome is in the journal: nobody may see an outcome that a crash could still change.
static Millrace__V1__Operation *describe_running(const operations_directory *self,
                                                 const char *name) {
  mesh_operation_record record;
  mesh_view progress;
  int watchers;
  if (!mesh_operation_peek(self->operations, name, &record, &progress, &watchers)) return NULL;
  if (operation_state_is_final(record.state)) return NULL;
  return operation_message_of(&record, progress, watchers);
}

static void take_record(void *arg, const mesh_operation_record *record) {
  Millrace__V1__Operation **out = arg;
  *out = operation_message_of(record, (mesh_view){0}, 0);
}

mesh_code operations_directory_find(const operations_directory *self, const char *name,
                                    Millrace__V1__Operation **out, mesh_error *err) {
  *out = describe_running(self, name);
  if (*out != NULL) return GRPC_STATUS_OK;
  return self->journal->find(self->journal->self, name, NULL, take_record, out, err);
}

// ---- list ----

typedef struct listing {
  const operations_directory *self;
  operations_each each;
  void *arg;
  mesh_operation_filter filter;        // of the next page
  char last[MESH_OPERATION_NAME_MAX];  // the name that it begins after
  mesh_code code;
  mesh_error *err;
} listing;

// What a list leaves out, whether the operation runs or not: it may be large.
static void leave_out_checkpoint(Millrace__V1__Operation *message) {
  if (message->checkpoint != NULL) {
    millrace__v1__checkpoint__free_unpacked(message->checkpoint, NULL);
  }
  message->checkpoint = NULL;
}

static void list_record(void *arg, const mesh_operation_record *record) {
  listing *own = arg;
  if (own->code != GRPC_STATUS_OK) return;
  snprintf(own->last, sizeof own->last, "%s", record->name);
  own->filter.after = own->last;
  own->filter.after_created_ns = record->created_ns;
  own->filter.limit--;
  Millrace__V1__Operation *message = describe_running(own->self, record->name);
  if (message == NULL) message = operation_message_of(record, (mesh_view){0}, 0);
  leave_out_checkpoint(message);
  own->code = own->each(own->arg, message, own->err);
  operation_message_destroy(message);
}

mesh_code operations_directory_list(const operations_directory *self,
                                    const mesh_operation_filter *filter, operations_each each,
                                    void *arg, mesh_error *err) {
  listing own = {.self = self,
                 .each = each,
                 .arg = arg,
                 .filter = *filter,
                 .code = GRPC_STATUS_OK,
                 .err = err};
  bool more = true;
  while (more && own.code == GRPC_STATUS_OK) {
    mesh_operation_filter page = own.filter;
    char after[MESH_OPERATION_NAME_MAX];
    if (page.after == own.last) {  // the callback writes there
      memcpy(after, own.last, sizeof after);
      page.after = after;
    }
    mesh_code code = self->journal->list(self->journal->self, &page, list_record, &own, &more, err);
    if (own.code == GRPC_STATUS_OK) own.code = code;
  }
  return own.code;
}

// ---- cancel, remove ----

typedef struct where {
  int64_t last_sequence;
  Millrace__V1__OperationState state;
} where;

static void take_where(void *arg, const mesh_operation_record *record) {
  *(where *)arg = (where){record->last_sequence, record->state};
}

static mesh_code find_ended(const operations_directory *self, const char *name, int64_t *after,
                            mesh_error *err) {
  where at = {0};
  mesh_code code = self->journal->find(self->journal->self, name, NULL, take_where, &at, err);
  if (code != GRPC_STATUS_OK) return code;
  if (!operation_state_is_final(at.state)) {
    mesh_operations_ask_for_owner(self->operations);
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%s is %s, but does not run here", name,
                     operation_state_name(at.state));
  }
  *after = at.last_sequence - 1;  // the outcome is the last event
  return GRPC_STATUS_OK;
}

mesh_code operations_directory_cancel(const operations_directory *self, const char *name,
                                      const char *requested_by, int64_t *after, mesh_error *err) {
  mesh_operation_record record;
  mesh_view progress;
  int watchers;
  int64_t ignored;
  if (after == NULL) after = &ignored;
  if (!mesh_operation_peek(self->operations, name, &record, &progress, &watchers))
    return find_ended(self, name, after, err);
  *after = record.last_sequence;
  return mesh_operation_cancel(self->operations, name, requested_by, err);
}

mesh_code operations_directory_remove(const operations_directory *self, const char *name,
                                      int64_t *events, mesh_error *err) {
  Millrace__V1__Operation *message;
  mesh_code code = operations_directory_find(self, name, &message, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__OperationState state = message->state;
  operation_message_destroy(message);
  if (!operation_state_is_final(state)) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "%s is %s: cancel it first", name,
                     operation_state_name(state));
  }
  return self->journal->remove(self->journal->self, name, events, err);
}
