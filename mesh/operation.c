// The life of an operation: start, join, run, cancel, end.
#include "mesh/operation.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mesh/operation_internal.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name
#define TO(name) (1u << STATE(name))

void mesh_operation_enter(mesh_operation *operation, Millrace__V1__OperationState state) {
  static const unsigned allowed_next[] = {
      [STATE(OPERATION_STATE_UNSPECIFIED)] = TO(RUNNING),
      [STATE(RUNNING)] = TO(CANCELLING) | TO(SUCCEEDED) | TO(FAILED),
      [STATE(CANCELLING)] = TO(SUCCEEDED) | TO(FAILED) | TO(CANCELLED),
      [STATE(SUCCEEDED)] = 0,
      [STATE(FAILED)] = 0,
      [STATE(CANCELLED)] = 0,
  };
  bool allowed = allowed_next[operation->state] & (1u << state);
  assert(allowed);
  (void)allowed;  // without assertions
  operation->state = state;
}

mesh_operations *mesh_operations_create(mesh_loop *loop, const char *layer,
                                        const mesh_journal *journal) {
  mesh_operations *operations = calloc(1, sizeof *operations);
  if (operations == NULL) abort();
  operations->loop = loop;
  operations->layer = layer;
  operations->journal = journal;
  mesh_scope_open_root(&operations->scope, loop);
  return operations;
}

void mesh_operations_destroy(mesh_operations *operations) {
  if (operations == NULL) return;
  assert(operations->first == NULL);
  free(operations);
}

mesh_operation *mesh_operations_find(mesh_operations *operations, const char *name) {
  mesh_operation *each = operations->first;
  while (each != NULL && strcmp(each->name, name) != 0)
    each = each->next;
  return each;
}

// ---- ownership ----

static void free_operation(mesh_operation *operation) {
  for (size_t i = 0; i < operation->event_count; i++)
    free(operation->events[i].data);
  free(operation->events);
  free(operation->progress.data);
  free(operation->outcome.data);
  free(operation->kind);
  free(operation->title);
  free(operation->request_id);
  free(operation->work_key);
  free(operation);
}

static void unlink_operation(mesh_operation *operation) {
  mesh_operation **at = &operation->operations->first;
  while (*at != operation)
    at = &(*at)->next;
  *at = operation->next;
}

void mesh_operation_hold(mesh_operation *operation) {
  operation->users++;
}

void mesh_operation_release(mesh_operation *operation) {
  if (--operation->users == 0 && operation->ended) free_operation(operation);
}

// No longer running here: from now on the journal answers for it.
static void end_operation(mesh_operation *operation) {
  mesh_timer_stop(&operation->grace);
  unlink_operation(operation);
  operation->ended = true;
  mesh_signal_notify(&operation->changed);
}

// ---- cancel ----

static void cancel_operation(mesh_operation *operation, const char *requested_by) {
  if (operation->state != STATE(RUNNING)) return;
  mesh_operation_enter(operation, STATE(CANCELLING));
  snprintf(operation->requested_by, sizeof operation->requested_by, "%s", requested_by);
  mesh_scope_cancel(&operation->scope, GRPC_STATUS_CANCELLED, "cancelled by %s", requested_by);
}

static void on_grace_over(mesh_timer *timer) {
  mesh_operation *operation = MESH_CONTAINER_OF(timer, mesh_operation, grace);
  cancel_operation(operation, "caller went away");
}

mesh_code mesh_operation_cancel(mesh_operations *operations, const char *name,
                                const char *requested_by, mesh_error *err) {
  mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation == NULL) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s' is running", name);
  }
  cancel_operation(operation, requested_by);
  return GRPC_STATUS_OK;
}

void mesh_operations_stop(mesh_operations *operations) {
  for (mesh_operation *each = operations->first; each != NULL; each = each->next) {
    cancel_operation(each, "the backend stops");
  }
  mesh_scope_close(&operations->scope);
}

// ---- run ----

static void run_operation(void *arg) {
  mesh_operation *operation = arg;
  Millrace__V1__Succeeded succeeded = MILLRACE__V1__SUCCEEDED__INIT;
  Millrace__V1__Cancelled cancelled = MILLRACE__V1__CANCELLED__INIT;
  mesh_error err;
  mesh_code code =
      operation->work.run(operation, operation->work.arg, &succeeded, &cancelled, &err);
  mesh_scope_close(&operation->scope);
  mesh_operation_finish(operation, code, &succeeded, &cancelled, &err);
  if (operation->work.on_end != NULL) operation->work.on_end(operation->work.arg);
  end_operation(operation);
  mesh_operation_release(operation);
}

static char *copy_text(const char *text) {
  char *copy = strdup(text == NULL ? "" : text);
  if (copy == NULL) abort();
  return copy;
}

// "load-4t7kq2ma": 40 random bits, in letters and digits that are hard to mistake.
static void make_name(char name[MESH_OPERATION_NAME_MAX], const char *kind) {
  static const char letters[] = "23456789abcdefghjkmnpqrstuvwxyz2";
  uint8_t bits[8];
  if (getrandom(bits, sizeof bits, 0) != sizeof bits) abort();
  int size = snprintf(name, MESH_OPERATION_NAME_MAX - sizeof bits, "%s-", kind);
  for (size_t i = 0; i < sizeof bits; i++)
    name[(size_t)size + i] = letters[bits[i] % 32];
  name[(size_t)size + sizeof bits] = '\0';
}

static mesh_operation *create_operation(mesh_operations *operations, const mesh_start *start,
                                        const mesh_work *work) {
  mesh_operation *operation = calloc(1, sizeof *operation);
  if (operation == NULL) abort();
  operation->operations = operations;
  make_name(operation->name, start->kind);
  operation->kind = copy_text(start->kind);
  operation->title = copy_text(start->title);
  operation->request_id = copy_text(start->request_id);
  operation->work_key = copy_text(start->work_key);
  operation->detached = start->detached;
  operation->grace_ms = start->grace_ms;
  operation->epoch = 1;
  operation->created_ns = operation->updated_ns = mesh_wall_ns();
  operation->work = *work;
  operation->creating = true;
  mesh_timer_init(&operation->grace, on_grace_over);
  mesh_scope_open(&operation->scope, &operations->scope);
  mesh_operation_enter(operation, STATE(RUNNING));
  operation->next = operations->first;
  operations->first = operation;
  return operation;
}

// Makes the operation durable with its first event.
static mesh_code journal_creation(mesh_operation *operation, mesh_error *err) {
  Millrace__V1__Accepted accepted = MILLRACE__V1__ACCEPTED__INIT;
  accepted.kind = operation->kind;
  accepted.title = operation->title;
  accepted.detached = operation->detached;
  uint8_t body[1024];
  assert(millrace__v1__accepted__get_packed_size(&accepted) <= sizeof body);
  mesh_view view = {body, millrace__v1__accepted__pack(&accepted, body)};
  mesh_entry entry;
  mesh_code code = mesh_operation_begin(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ACCEPTED,
                                        view, &entry, err);
  if (code != GRPC_STATUS_OK) return code;
  const mesh_journal *journal = operation->operations->journal;
  code = journal->create(journal->self, &entry.record, entry.event, err);
  if (code == GRPC_STATUS_OK) {
    mesh_operation_publish(operation, &entry);
  } else {
    mesh_operation_abandon(operation, &entry);
  }
  return code;
}

// ---- start or join ----

static bool same_text(const char *ours, const char *asked) {
  return asked != NULL && asked[0] != '\0' && strcmp(ours, asked) == 0;
}

static mesh_operation *find_same(mesh_operations *operations, const mesh_start *start) {
  for (mesh_operation *each = operations->first; each != NULL; each = each->next) {
    if (same_text(each->request_id, start->request_id)) return each;
    if (same_text(each->work_key, start->work_key) && each->state == STATE(RUNNING)) return each;
  }
  return NULL;
}

static void take_name(void *arg, const mesh_operation_record *record) {
  snprintf(arg, MESH_OPERATION_NAME_MAX, "%s", record->name);
}

// Looks for an operation to join, here and in the journal. OK with name "" if there is none.
static mesh_code find_to_join(mesh_operations *operations, const mesh_start *start, char *name,
                              mesh_error *err) {
  name[0] = '\0';
  for (mesh_operation *same; (same = find_same(operations, start)) != NULL;) {
    if (!same->creating) {
      same->detached |= start->detached;
      snprintf(name, MESH_OPERATION_NAME_MAX, "%s", same->name);
      return GRPC_STATUS_OK;
    }
    mesh_operation_hold(same);  // its creation may still fail: then we start our own
    mesh_code code = mesh_signal_wait(&same->changed, &operations->scope, MESH_NEVER, err);
    mesh_operation_release(same);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (start->request_id == NULL || start->request_id[0] == '\0') return GRPC_STATUS_OK;
  const mesh_journal *journal = operations->journal;
  mesh_code code = journal->find(journal->self, NULL, start->request_id, take_name, name, err);
  return code == GRPC_STATUS_NOT_FOUND ? GRPC_STATUS_OK : code;
}

mesh_code mesh_operation_start(mesh_operations *operations, const mesh_start *start,
                               const mesh_work *work, char name[MESH_OPERATION_NAME_MAX],
                               bool *joined, mesh_error *err) {
  *joined = false;
  mesh_code code = mesh_scope_check(&operations->scope, err);
  if (code != GRPC_STATUS_OK) return code;
  code = find_to_join(operations, start, name, err);
  if (code != GRPC_STATUS_OK) return code;
  *joined = name[0] != '\0';
  if (*joined) return GRPC_STATUS_OK;

  mesh_operation *operation = create_operation(operations, start, work);
  mesh_operation_hold(operation);
  code = journal_creation(operation, err);
  operation->creating = false;
  snprintf(name, MESH_OPERATION_NAME_MAX, "%s", operation->name);
  if (code == GRPC_STATUS_OK) {
    mesh_fiber_start(&operations->scope, run_operation, operation);
    return GRPC_STATUS_OK;
  }
  mesh_scope_close(&operation->scope);
  end_operation(operation);
  mesh_operation_release(operation);
  return code;
}

// ---- what a dead program left behind ----

typedef struct orphans {
  mesh_operations *operations;
  const char *why;
  int count;
  mesh_error err;
  mesh_code code;
} orphans;

// Gives an orphan its outcome: the same event, from the same code, as one that ended here.
static void bury_one(void *arg, const mesh_operation_record *record) {
  orphans *all = arg;
  if (all->code != GRPC_STATUS_OK) return;
  mesh_operation dead = {.operations = all->operations,
                         .kind = (char *)record->kind,
                         .title = (char *)record->title,
                         .request_id = (char *)record->request_id,
                         .work_key = (char *)record->work_key,
                         .state = record->state,
                         .detached = record->detached,
                         .epoch = record->epoch,
                         .created_ns = record->created_ns,
                         .base_sequence = record->last_sequence};
  snprintf(dead.name, sizeof dead.name, "%s", record->name);
  mesh_error reason;
  mesh_code code = mesh_fail(&reason, GRPC_STATUS_ABORTED, "%s", all->why);
  all->code = mesh_operation_finish(&dead, code, NULL, NULL, &reason);
  if (all->code != GRPC_STATUS_OK) all->err = reason;
  all->count++;
  for (size_t i = 0; i < dead.event_count; i++)
    free(dead.events[i].data);
  free(dead.events);
  free(dead.outcome.data);
}

mesh_code mesh_operations_bury(mesh_operations *operations, const char *why, int *count,
                               mesh_error *err) {
  static const Millrace__V1__OperationState open_states[] = {STATE(RUNNING), STATE(CANCELLING)};
  orphans all = {.operations = operations, .why = why, .code = GRPC_STATUS_OK};
  const mesh_journal *journal = operations->journal;
  for (int i = 0; i < 2 && all.code == GRPC_STATUS_OK; i++) {
    mesh_code code =
        journal->list(journal->self, "", open_states[i], INT32_MAX, bury_one, &all, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (count != NULL) *count = all.count;
  if (all.code != GRPC_STATUS_OK && err != NULL) *err = all.err;
  return all.code;
}

// ---- for the work, and for whoever asks ----

const char *mesh_operation_name(const mesh_operation *operation) {
  return operation->name;
}

mesh_scope *mesh_operation_scope(mesh_operation *operation) {
  return &operation->scope;
}

bool mesh_operation_peek(mesh_operations *operations, const char *name,
                         mesh_operation_record *record, mesh_view *progress) {
  const mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation == NULL) return false;
  *record = mesh_operation_describe(operation);
  *progress = (mesh_view){operation->progress.data, operation->progress.size_bytes};
  return true;
}
