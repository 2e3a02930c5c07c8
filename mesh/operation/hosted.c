#include "mesh/operation/hosted.h"

#include <string.h>

#include "mesh/rpc/pack.h"

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
  size_t size = strlen(request->operation);
  if (size > 0 && size < MESH_OPERATION_NAME_MAX) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "RunRequest.operation has %zu bytes: a name has 1 to %d", size,
                   MESH_OPERATION_NAME_MAX - 1);
}

static void take_epoch(void *arg, const mesh_operation_record *record) {
  *(int64_t *)arg = record->epoch;
}

// The epoch of the run that is here, or was; 0: there is none.
static mesh_code find_run(mesh_hosted *hosted, const char *name, int64_t *epoch, mesh_error *err) {
  const mesh_journal *journal = mesh_memory_journal_table(hosted->journal);
  *epoch = 0;
  mesh_code code = journal->find(journal->self, name, NULL, take_epoch, epoch, err);
  return code == GRPC_STATUS_NOT_FOUND ? GRPC_STATUS_OK : code;
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
  Millrace__V1__StartOptions options = MILLRACE__V1__START_OPTIONS__INIT;
  options.grace_ms = request->grace_ms > 0 ? request->grace_ms : DEFAULT_GRACE_MS;
  options.cancel_timeout_ms = request->cancel_timeout_ms;
  int64_t now_ns = mesh_wall_ns();
  *epoch = now_ns > request->epoch ? now_ns : request->epoch + 1;
  mesh_start start = {
      .kind = hosted->kind.name, .name = request->operation, .epoch = *epoch, .options = &options};
  mesh_work work;
  mesh_code code = hosted->kind.prepare(hosted->kind.self, request, &work, err);
  if (code != GRPC_STATUS_OK) return code;
  char name[MESH_OPERATION_NAME_MAX];
  const char *joined;
  code = mesh_operation_start(hosted->operations, &start, &work, name, &joined, err);
  if ((code != GRPC_STATUS_OK || joined != NULL) && work.on_end != NULL) work.on_end(work.arg);
  return code;
}

static mesh_code run(mesh_hosted *hosted, const Millrace__V1__RunRequest *request, mesh_call *call,
                     mesh_error *err) {
  int64_t epoch;
  mesh_code code = check_run(request, err);
  if (code == GRPC_STATUS_OK) code = find_run(hosted, request->operation, &epoch, err);
  if (code == GRPC_STATUS_OK && epoch == 0) {
    code = check_begin(request, err);
    if (code == GRPC_STATUS_OK) code = start_run(hosted, request, &epoch, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  mesh_watch watch = {.counts = true};
  if (request->epoch == epoch) watch.after_sequence = request->after_sequence;
  return mesh_operation_watch(hosted->operations, request->operation, &watch, call, err);
}

mesh_code mesh_hosted_run(mesh_call *call, mesh_frame frame, void *hosted, mesh_error *err) {
  Millrace__V1__RunRequest *request =
      mesh_message_unpack(&millrace__v1__run_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no millrace.v1.RunRequest");
  }
  mesh_code code = run(hosted, request, call, err);
  millrace__v1__run_request__free_unpacked(request, NULL);
  return code;
}

// ---- Cancel ----

static mesh_code cancel(mesh_hosted *hosted, const Millrace__V1__CancelOperationRequest *request,
                        mesh_call *call, mesh_error *err) {
  int64_t epoch;
  mesh_code code = find_run(hosted, request->name, &epoch, err);
  if (code != GRPC_STATUS_OK) return code;
  if (epoch == 0) {
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
  Millrace__V1__CancelOperationRequest *request = mesh_message_unpack(
      &millrace__v1__cancel_operation_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "the request is no millrace.v1.CancelOperationRequest");
  }
  mesh_code code = cancel(hosted, request, call, err);
  millrace__v1__cancel_operation_request__free_unpacked(request, NULL);
  return code;
}
