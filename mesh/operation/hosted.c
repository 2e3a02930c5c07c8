#include "mesh/operation/hosted.h"

#include <string.h>

#include "mesh/operation/same_request.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"

enum { DEFAULT_GRACE_MS = 30000 };

void mesh_hosted_init(mesh_hosted *hosted, mesh_loop *loop, const char *layer,
                      const mesh_hosted_kind *kind) {
  hosted->kind = *kind;
  hosted->journal = mesh_memory_journal_create();
  hosted->operations =
      mesh_operations_create(loop, layer, mesh_memory_journal_table(hosted->journal), NULL);
}

void mesh_hosted_fini(mesh_hosted *hosted) {
  mesh_operations_destroy(hosted->operations);
  mesh_memory_journal_destroy(hosted->journal);
}

bool mesh_hosted_drain(mesh_hosted *hosted, int64_t deadline_ns) {
  // Half of the time for managers that are away, half for the work.
  int64_t now_ns = mesh_now_ns();
  mesh_operations_await_watchers(hosted->operations, now_ns + (deadline_ns - now_ns) / 2);
  return mesh_operations_drain(hosted->operations, deadline_ns);
}

// ---- Run ----

static mesh_code check_run(const Millrace__V1__RunRequest *request, mesh_error *err) {
  // Hosts name files by it.
  const char *fault = mesh_text_file_name_fault(request->operation, MESH_OPERATION_NAME_MAX - 1);
  if (fault == NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "RunRequest.operation '%.*s' %s",
                   MESH_TEXT_SHOWN(request->operation, MESH_OPERATION_NAME_MAX), fault);
}

// The run of a name that is here, or was.
typedef struct found_run {
  const Millrace__V1__RunRequest *request;  // what is asked for now; NULL: anything
  int64_t epoch, last_sequence;             // 0: there is none
  bool ended, other;                        // other: it was another request
} found_run;

static void take_run(void *arg, const mesh_operation_record *record) {
  found_run *own = arg;
  own->epoch = record->epoch;
  own->last_sequence = record->last_sequence;
  own->ended = record->outcome.size_bytes > 0;
  if (own->request == NULL) return;
  char field[MESH_FIELD_NAME_MAX];
  mesh_view request = {own->request->request.data, own->request->request.len};
  own->other = !mesh_same_request(NULL, record->request, request, field);
}

static mesh_code find_run(mesh_hosted *hosted, const char *name, found_run *out, mesh_error *err) {
  const mesh_journal *journal = mesh_memory_journal_table(hosted->journal);
  mesh_code code = journal->find(journal->self, name, NULL, take_run, out, err);
  if (code == GRPC_STATUS_NOT_FOUND) return GRPC_STATUS_OK;
  if (code != GRPC_STATUS_OK || !out->other) return code;
  code = mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS,
                   "operation '%s' was run here with another request", name);
  mesh_error_set_reason(err, "ANOTHER_REQUEST", "mesh.millrace");
  return code;
}

// The caller knows that a run of this name is not to begin once more.
static mesh_code check_begin(const Millrace__V1__RunRequest *request, mesh_error *err) {
  if (!request->rejoin_only) return GRPC_STATUS_OK;
  mesh_code code =
      mesh_fail(err, GRPC_STATUS_NOT_FOUND, "operation '%s' does not run here", request->operation);
  mesh_error_set_reason(err, "RUN_LOST", "mesh.millrace");
  return code;
}

// A new run has an epoch that no run of this name had, here or in a process before this one.
static mesh_code start_run(mesh_hosted *hosted, const Millrace__V1__RunRequest *request,
                           int64_t *epoch, mesh_error *err) {
  if (request->epoch < 0 || request->epoch == INT64_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "run %s: no epoch follows %lld",
                     request->operation, (long long)request->epoch);
  }
  Millrace__V1__StartOptions options = MILLRACE__V1__START_OPTIONS__INIT;
  options.grace_ms = request->grace_ms > 0 ? request->grace_ms : DEFAULT_GRACE_MS;
  options.cancel_timeout_ms = request->cancel_timeout_ms;
  int64_t now_ns = mesh_wall_ns();
  *epoch = now_ns > request->epoch ? now_ns : request->epoch + 1;
  mesh_start start = {.kind = hosted->kind.name,
                      .name = request->operation,
                      .request = {request->request.data, request->request.len},
                      .epoch = *epoch,
                      .options = &options};
  mesh_work work;
  mesh_code code = hosted->kind.prepare(hosted->kind.self, request, &work, err);
  if (code != GRPC_STATUS_OK) return code;
  char name[MESH_OPERATION_NAME_MAX];
  const char *joined;
  code = mesh_operation_start(hosted->operations, &start, &work, name, &joined, err);
  if ((code != GRPC_STATUS_OK || joined != NULL) && work.on_end != NULL) work.on_end(work.arg);
  return code;
}

// The manager has the outcome of the run, and asks for one all the same: that outcome was no answer
// to it. A run ends when its manager has been away for too long, for example.
static bool is_given_back(const found_run *found, const Millrace__V1__RunRequest *request) {
  return found->ended && request->epoch == found->epoch &&
         request->after_sequence == found->last_sequence;
}

// A run to attach to: the one that is here, or a new one.
static mesh_code make_run(mesh_hosted *hosted, const Millrace__V1__RunRequest *request,
                          int64_t *epoch, mesh_error *err) {
  const mesh_journal *journal = mesh_memory_journal_table(hosted->journal);
  found_run found = {.request = request};
  mesh_code code = find_run(hosted, request->operation, &found, err);
  *epoch = found.epoch;
  if (code != GRPC_STATUS_OK) return code;
  if (found.epoch > 0 && !is_given_back(&found, request)) return code;
  code = check_begin(request, err);
  if (code == GRPC_STATUS_OK && found.epoch > 0) {
    code = journal->remove(journal->self, request->operation, NULL, err);
  }
  return code == GRPC_STATUS_OK ? start_run(hosted, request, epoch, err) : code;
}

static mesh_code run(mesh_hosted *hosted, const Millrace__V1__RunRequest *request, mesh_call *call,
                     mesh_error *err) {
  int64_t epoch;
  mesh_code code = check_run(request, err);
  if (code == GRPC_STATUS_OK) code = make_run(hosted, request, &epoch, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_watch watch = {.counts = true};
  if (request->epoch == epoch) watch.after_sequence = request->after_sequence;
  return mesh_operation_watch(hosted->operations, request->operation, &watch, call, err);
}

mesh_code mesh_hosted_run(mesh_call *call, mesh_frame frame, void *hosted, mesh_error *err) {
  Millrace__V1__RunRequest *request =
      mesh_message_take(&millrace__v1__run_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_code code = run(hosted, request, call, err);
  millrace__v1__run_request__free_unpacked(request, NULL);
  return code;
}

// ---- Cancel ----

static mesh_code cancel(mesh_hosted *hosted, const Millrace__V1__CancelOperationRequest *request,
                        mesh_call *call, mesh_error *err) {
  found_run found = {0};
  mesh_code code = find_run(hosted, request->name, &found, err);
  if (code != GRPC_STATUS_OK) return code;
  if (found.epoch == 0) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "nothing of operation '%s' runs here",
                     request->name);
  }
  const char *requested_by =
      request->requested_by[0] != '\0' ? request->requested_by : "the layer above";
  // Ended already: then the outcome says so.
  (void)mesh_operation_cancel(hosted->operations, request->name, requested_by, err);
  mesh_watch watch = {.counts = false};
  return mesh_operation_watch(hosted->operations, request->name, &watch, call, err);
}

mesh_code mesh_hosted_cancel(mesh_call *call, mesh_frame frame, void *hosted, mesh_error *err) {
  Millrace__V1__CancelOperationRequest *request =
      mesh_message_take(&millrace__v1__cancel_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_code code = cancel(hosted, request, call, err);
  millrace__v1__cancel_operation_request__free_unpacked(request, NULL);
  return code;
}
