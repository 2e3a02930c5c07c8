// Starting an operation, or joining the one that is there already.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mesh/operation/labels.h"
#include "mesh/operation/message_report.h"
#include "mesh/operation/operation_internal.h"
#include "mesh/runtime/text.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

// ---- what there is to join ----

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

static const char *request_id_of(const mesh_start *start) {
  return start->options == NULL ? "" : start->options->request_id;
}

// An operation that runs here and is what `start` asks for; *because says why it is.
static mesh_operation *find_same(mesh_operations *operations, const mesh_start *start,
                                 const char **because) {
  mesh_operation *same = NULL;
  const char *request_id = request_id_of(start);
  *because = "the name";
  if (start->name != NULL) same = mesh_operations_find(operations, start->name);
  if (same != NULL) return same;
  *because = "the request id";
  HASH_FIND(requested, operations->by_request_id, request_id, strlen(request_id), same);
  if (same != NULL || start->work_key == NULL) return same;
  *because = "the same work";
  HASH_FIND(keyed, operations->by_work_key, start->work_key, strlen(start->work_key), same);
  return same;
}

static void take_name(void *arg, const mesh_operation_record *record) {
  mesh_text_copy(arg, MESH_OPERATION_NAME_MAX, record->name);
}

static mesh_code find_in_journal(mesh_operations *operations, const mesh_start *start, char *name,
                                 const char **because, mesh_error *err) {
  const mesh_journal *journal = operations->journal;
  mesh_code code = GRPC_STATUS_NOT_FOUND;
  if (start->name != NULL) {
    *because = "the name";
    code = journal->find(journal->self, start->name, NULL, take_name, name, err);
  }
  if (code == GRPC_STATUS_NOT_FOUND && request_id_of(start)[0] != '\0') {
    *because = "the request id";
    code = journal->find(journal->self, NULL, request_id_of(start), take_name, name, err);
  }
  return code == GRPC_STATUS_NOT_FOUND ? GRPC_STATUS_OK : code;
}

// A detached start that joins an attached operation makes it a detached one, for good.
static mesh_code join(mesh_operation *operation, const mesh_start *start, const char *because,
                      char *name, mesh_error *err) {
  mesh_text_copy(name, MESH_OPERATION_NAME_MAX, operation->name);
  bool detaches = start->options != NULL && start->options->detached && !operation->detached;
  if (!detaches || operation->state != STATE(RUNNING)) return GRPC_STATUS_OK;
  operation->detached = true;
  mesh_timer_stop(&operation->grace);
  Millrace__V1__Joined joined = MILLRACE__V1__JOINED__INIT;
  joined.because = (char *)because;
  joined.detached = true;
  mesh_operation_hold(operation);
  mesh_code code = mesh_message_report(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_JOINED,
                                       &joined.base, err);
  mesh_operation_release(operation);
  return code == GRPC_STATUS_ABORTED ? GRPC_STATUS_OK : code;  // it ended meanwhile
}

// Looks for an operation to join, here and in the journal. OK with name "" if there is none.
static mesh_code find_to_join(mesh_operations *operations, const mesh_start *start, char *name,
                              const char **because, mesh_error *err) {
  name[0] = '\0';
  for (mesh_operation *same; (same = find_same(operations, start, because)) != NULL;) {
    if (!same->creating) return join(same, start, *because, name, err);
    mesh_operation_hold(same);  // its creation may still fail: then we start our own
    mesh_code code = mesh_signal_wait(&same->changed, &operations->scope, MESH_NEVER, err);
    mesh_operation_release(same);
    if (code != GRPC_STATUS_OK) return code;
  }
  return find_in_journal(operations, start, name, because, err);
}

// ---- a new one ----

static mesh_operation_record record_of_start(const mesh_start *start, const char *name,
                                             const char *labels) {
  int64_t now_ns = mesh_wall_ns();
  return (mesh_operation_record){
      .name = name,
      .kind = start->kind,
      .title = start->title,
      .request_id = request_id_of(start),
      .work_key = start->work_key,
      .labels = labels,
      .detached = start->options != NULL && start->options->detached,
      .epoch = start->epoch > 0 ? start->epoch : 1,
      .created_ns = now_ns,
      .updated_ns = now_ns,
  };
}

// The body of the first event; the caller frees it.
static mesh_bytes pack_accepted(const mesh_operation *operation,
                                const Millrace__V1__StartOptions *options) {
  Millrace__V1__Accepted accepted = MILLRACE__V1__ACCEPTED__INIT;
  Millrace__V1__Accepted__LabelsEntry entries[MESH_LABELS_MAX], *pointers[MESH_LABELS_MAX];
  accepted.kind = operation->kind;
  accepted.title = operation->title;
  accepted.detached = operation->detached;
  accepted.n_labels = options == NULL ? 0 : options->n_labels;
  accepted.labels = pointers;
  for (size_t i = 0; i < accepted.n_labels; i++) {
    millrace__v1__accepted__labels_entry__init(&entries[i]);
    entries[i].key = options->labels[i]->key;
    entries[i].value = options->labels[i]->value;
    pointers[i] = &entries[i];
  }
  return mesh_message_pack(&accepted.base);
}

// Makes the operation durable with its first event.
static mesh_code journal_creation(mesh_operation *operation, const mesh_start *start,
                                  mesh_error *err) {
  mesh_bytes body = pack_accepted(operation, start->options);
  mesh_entry entry;
  mesh_code code = mesh_operation_begin(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ACCEPTED,
                                        mesh_bytes_view(body), &entry, err);
  free(body.data);
  if (code != GRPC_STATUS_OK) return code;
  const mesh_journal *journal = operation->operations->journal;
  entry.record.request = start->request;
  code = journal->create(journal->self, &entry.record, entry.event, err);
  if (code == GRPC_STATUS_OK) {
    mesh_operation_publish(operation, &entry);
  } else {
    mesh_operation_abandon(operation, &entry);
  }
  return code;
}

static mesh_code start_new(mesh_operations *operations, const mesh_start *start,
                           const mesh_work *work, const char *labels, char *name, mesh_error *err) {
  if (start->name != NULL) {
    mesh_text_copy(name, MESH_OPERATION_NAME_MAX, start->name);
  } else {
    make_name(name, start->kind);
  }
  mesh_operation_record record = record_of_start(start, name, labels);
  mesh_operation *operation = mesh_operation_create(operations, &record, work, start->options);
  mesh_operation_enter(operation, STATE(RUNNING));
  operation->creating = true;
  mesh_operation_hold(operation);
  mesh_code code = journal_creation(operation, start, err);
  operation->creating = false;
  if (code == GRPC_STATUS_OK) {
    mesh_operation_run(operation);
    mesh_operation_await_keeper(operation, operation->grace_ms);
  } else {
    mesh_scope_remove_hook(&operation->on_stop);
    mesh_scope_close(&operation->scope);
    mesh_scope_close(&operation->stop_scope);
    mesh_operation_end(operation);
  }
  mesh_operation_release(operation);
  return code;
}

static mesh_code check_start(const mesh_operations *operations, const mesh_start *start,
                             mesh_error *err) {
  if (operations->closed) {
    mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%s takes no new operations: it leaves",
              operations->layer);
    mesh_error_set_reason(err, "DRAINING", "mesh.millrace");
    mesh_error_set_retry(err, 100);
    return err->code;
  }
  const Millrace__V1__StartOptions *options = start->options;
  if (options == NULL) return GRPC_STATUS_OK;
  if (options->grace_ms < 0 || options->deadline_ms < 0 || options->cancel_timeout_ms < 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "grace_ms, deadline_ms and cancel_timeout_ms cannot be negative");
  }
  return GRPC_STATUS_OK;
}

mesh_code mesh_operation_start(mesh_operations *operations, const mesh_start *start,
                               const mesh_work *work, char name[MESH_OPERATION_NAME_MAX],
                               const char **joined, mesh_error *err) {
  *joined = NULL;
  mesh_code code = mesh_scope_check(&operations->scope, err);
  if (code == GRPC_STATUS_OK) code = check_start(operations, start, err);
  char *labels = NULL;
  if (code == GRPC_STATUS_OK) code = mesh_labels_of_start(start->options, &labels, err);
  if (code != GRPC_STATUS_OK) return code;
  const char *because;
  code = find_to_join(operations, start, name, &because, err);
  if (code == GRPC_STATUS_OK && name[0] != '\0') {
    *joined = because;
  } else if (code == GRPC_STATUS_OK) {
    code = start_new(operations, start, work, labels, name, err);
  }
  free(labels);
  return code;
}

mesh_code mesh_operation_serve(mesh_operations *operations, const mesh_start *start,
                               const mesh_work *work, mesh_call *call, mesh_error *err) {
  char name[MESH_OPERATION_NAME_MAX];
  mesh_watch watch = {.counts = true};
  mesh_code code = mesh_operation_start(operations, start, work, name, &watch.joined, err);
  if ((code != GRPC_STATUS_OK || watch.joined != NULL) && work->on_end != NULL) {
    work->on_end(work->arg);
  }
  if (code != GRPC_STATUS_OK) return code;
  return mesh_operation_watch(operations, name, &watch, call, err);
}
