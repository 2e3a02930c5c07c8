// Starting an operation, or joining the one that is there already.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mesh/operation/labels.h"
#include "mesh/operation/message_report.h"
#include "mesh/operation/operation_internal.h"
#include "mesh/operation/same_request.h"
#include "mesh/rpc/pack.h"
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

// What a start has in common with an operation that is there, as the journal has it.
typedef struct candidate {
  const mesh_start *start;
  char name[MESH_OPERATION_NAME_MAX];  // "": there is none
  char kind[32];
  char field[MESH_FIELD_NAME_MAX];  // the first that differs; "": it is the same request
} candidate;

static void take_candidate(void *arg, const mesh_operation_record *record) {
  candidate *own = arg;
  const mesh_start *start = own->start;
  mesh_text_copy(own->name, sizeof own->name, record->name);
  mesh_text_copy(own->kind, sizeof own->kind, record->kind);
  if (strcmp(record->kind, start->kind) != 0) {
    snprintf(own->field, sizeof own->field, "kind");
  } else {
    mesh_same_request(start->request_type, record->request, start->request, own->field);
  }
}

// A name or a request id stands for one request. Where another one comes with it, its result would
// be taken for that of this one.
static mesh_code check_candidate(const candidate *own, const char *because, mesh_error *err) {
  if (own->name[0] == '\0' || own->field[0] == '\0') return GRPC_STATUS_OK;
  const char *id = strcmp(because, "the name") == 0 ? own->name : request_id_of(own->start);
  mesh_code code;
  if (strcmp(own->field, "kind") == 0) {
    code = mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS, "%s '%s' is that of %s, a %s: this is a %s",
                     because, id, own->name, own->kind, own->start->kind);
  } else {
    code = mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS,
                     "%s '%s' is that of %s, which was started with another %s", because, id,
                     own->name, own->field);
  }
  mesh_error_set_reason(err, "ANOTHER_REQUEST", "mesh.millrace");
  return code;
}

static mesh_code find_in_journal(mesh_operations *operations, const mesh_start *start, char *name,
                                 const char **because, mesh_error *err) {
  const mesh_journal *journal = operations->journal;
  candidate found = {.start = start};
  mesh_code code = GRPC_STATUS_NOT_FOUND;
  if (start->name != NULL) {
    *because = "the name";
    code = journal->find(journal->self, start->name, NULL, take_candidate, &found, err);
  }
  if (code == GRPC_STATUS_NOT_FOUND && request_id_of(start)[0] != '\0') {
    *because = "the request id";
    code = journal->find(journal->self, NULL, request_id_of(start), take_candidate, &found, err);
  }
  if (code == GRPC_STATUS_NOT_FOUND) return GRPC_STATUS_OK;
  if (code == GRPC_STATUS_OK) code = check_candidate(&found, *because, err);
  if (code == GRPC_STATUS_OK) memcpy(name, found.name, sizeof found.name);
  return code;
}

// What is joined because of its work is the same work; the rest is asked of the journal, which has
// the request.
static mesh_code check_running(const mesh_operation *operation, const mesh_start *start,
                               const char *because, mesh_error *err) {
  const mesh_journal *journal = operation->operations->journal;
  candidate found = {.start = start};
  if (strcmp(because, "the same work") == 0) return GRPC_STATUS_OK;
  mesh_code code = journal->find(journal->self, operation->name, NULL, take_candidate, &found, err);
  return code == GRPC_STATUS_OK ? check_candidate(&found, because, err) : code;
}

// A detached start that joins an attached operation makes it a detached one, for good. That, and
// the first one that holds a detached operation for its own sake, is in the journal: the next
// process knows of it.
static mesh_code join(mesh_operation *operation, const mesh_start *start, const char *because,
                      char *name, mesh_error *err) {
  mesh_code code = check_running(operation, start, because, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_text_copy(name, MESH_OPERATION_NAME_MAX, operation->name);
  bool was_detached = operation->detached, was_joined = operation->is_joined;
  operation->is_joined |= strcmp(because, "the name") != 0;
  bool stays = start->options != NULL && start->options->detached;
  bool is_news = !was_detached || (!was_joined && strcmp(because, "the same work") == 0);
  if (!stays || !is_news || operation->state != STATE(RUNNING)) return GRPC_STATUS_OK;
  operation->detached = true;
  mesh_timer_stop(&operation->grace);
  Millrace__V1__Joined joined = MILLRACE__V1__JOINED__INIT;
  joined.because = (char *)because;
  joined.detached = true;
  code = mesh_operation_append_message(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_JOINED,
                                       &joined.base, err);
  if (code == GRPC_STATUS_OK || code == GRPC_STATUS_ABORTED) return GRPC_STATUS_OK;  // or it ended
  operation->detached = was_detached;
  operation->is_joined = was_joined;
  mesh_operation_await_keeper(operation, operation->grace_ms);
  return code;
}

// One that runs here. OK with name "" if there is none.
static mesh_code find_running(mesh_operations *operations, const mesh_start *start, char *name,
                              const char **because, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (mesh_operation *same; code == GRPC_STATUS_OK && name[0] == '\0' &&
                             (same = find_same(operations, start, because)) != NULL;) {
    mesh_operation_hold(same);
    if (same->creating) {  // that may still fail: then we start our own
      code = mesh_signal_wait(&same->changed, &operations->scope, MESH_NEVER, err);
    } else {
      code = join(same, start, *because, name, err);
    }
    mesh_operation_release(same);
  }
  return code;
}

// Looks for an operation to join, here and in the journal. OK with name "" if there is none, and
// nobody has begun one while the journal was asked.
static mesh_code find_to_join(mesh_operations *operations, const mesh_start *start, char *name,
                              const char **because, mesh_error *err) {
  name[0] = '\0';
  mesh_code code = find_running(operations, start, name, because, err);
  if (code != GRPC_STATUS_OK || name[0] != '\0') return code;
  code = find_in_journal(operations, start, name, because, err);
  if (code != GRPC_STATUS_OK || name[0] != '\0') return code;
  return find_running(operations, start, name, because, err);
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
      .checkpoint = start->checkpoint,
  };
}

// The body of the first event; the caller frees it.
static mesh_bytes pack_accepted(const mesh_operation *operation, const mesh_start *start) {
  const Millrace__V1__StartOptions *options = start->options;
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
  if (start->checkpoint.size_bytes > 0) {
    accepted.checkpoint = mesh_message_unpack(&millrace__v1__checkpoint__descriptor,
                                              start->checkpoint.data, start->checkpoint.size_bytes);
  }
  if (start->resumes != NULL) accepted.resumes = (char *)(uintptr_t)start->resumes;
  mesh_bytes bytes = mesh_message_pack(&accepted.base);
  if (accepted.checkpoint != NULL) {
    millrace__v1__checkpoint__free_unpacked(accepted.checkpoint, NULL);
  }
  return bytes;
}

// Makes the operation durable with its first event.
static mesh_code journal_creation(mesh_operation *operation, const mesh_start *start,
                                  mesh_error *err) {
  mesh_bytes body = pack_accepted(operation, start);
  mesh_entry entry;
  mesh_code code = mesh_operation_begin(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ACCEPTED,
                                        mesh_bytes_view(body), &entry, err);
  free(body.data);
  if (code != GRPC_STATUS_OK) return code;
  const mesh_journal *journal = operation->operations->journal;
  entry.record.request = start->request;
  entry.record.checkpoint = start->checkpoint;  // in one transaction, or it could be lost
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
  operation->is_part = start->is_part;
  operations->parts += start->is_part;
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

static mesh_code admit(mesh_operations *operations, const mesh_start *start, mesh_error *err) {
  mesh_admission *admission = &operations->admission;
  if (start->is_part) return mesh_admission_take_part(admission, operations->parts, err);
  int64_t running = mesh_operations_count(operations) - operations->parts;
  return mesh_admission_take(admission, running, mesh_now_ns(), err);
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
    code = admit(operations, start, err);
    if (code == GRPC_STATUS_OK) code = start_new(operations, start, work, labels, name, err);
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
