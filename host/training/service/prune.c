#include "host/training/service/prune.h"

#include <stdlib.h>
#include <string.h>

#include "host/training/service/checkpoints.h"
#include "host/training/service/run.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/time.h"

enum {
  KEEP_S = 30 * 86400,  // younger files are not asked about
  AGAIN_S = 3600,
  SOON_S = 60,  // where the backend did not answer
  PAGE = 100,
  WAIT_MS = 30000,  // for one answer
};

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

// Operations whose files are old; those that something refers to are struck out.
typedef struct candidates {
  training_host *host;
  char **names;  // owned; NULL: struck out
  size_t count;
} candidates;

static void strike_out(candidates *all, const char *name, size_t size) {
  for (size_t i = 0; i < all->count; i++) {
    char *one = all->names[i];
    if (one == NULL || strlen(one) != size || memcmp(one, name, size) != 0) continue;
    free(one);
    all->names[i] = NULL;
  }
}

static size_t count_left(const candidates *all) {
  size_t left = 0;
  for (size_t i = 0; i < all->count; i++)
    left += all->names[i] != NULL;
  return left;
}

// ---- asking ----

// Calls each() for the operations that a method of OperationsService answers with.
static mesh_code ask(const candidates *all, mesh_scope *scope, const char *method,
                     const ProtobufCMessage *request,
                     void (*each)(void *arg, const Millrace__V1__Operation *operation), void *arg,
                     mesh_error *err) {
  mesh_call_options options = {.timeout_ms = WAIT_MS, .wait_for_ready = true};
  mesh_call *call;
  mesh_frame frame;
  mesh_code code =
      mesh_message_open(scope, all->host->backend, method, request, &options, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    Millrace__V1__Operation *operation =
        mesh_message_unpack(&millrace__v1__operation__descriptor, frame.data, frame.size_bytes);
    if (operation == NULL) {
      code = mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the backend's answer is no Operation");
      break;
    }
    each(arg, operation);
    millrace__v1__operation__free_unpacked(operation, NULL);
  }
  mesh_call_close(call);
  return code;
}

static void take_state(void *arg, const Millrace__V1__Operation *operation) {
  *(Millrace__V1__OperationState *)arg = operation->state;
}

// Strikes out what the backend still has, unless its training has succeeded: then it has the model.
static mesh_code ask_for_each(candidates *all, mesh_scope *scope, mesh_error *err) {
  for (size_t i = 0; i < all->count; i++) {
    Millrace__V1__GetOperationRequest request = MILLRACE__V1__GET_OPERATION_REQUEST__INIT;
    Millrace__V1__OperationState state = STATE(OPERATION_STATE_UNSPECIFIED);
    if (all->names[i] == NULL) continue;
    request.name = all->names[i];
    mesh_code code = ask(all, scope, "/millrace.v1.OperationsService/Get", &request.base,
                         take_state, &state, err);
    if (code != GRPC_STATUS_OK && code != GRPC_STATUS_NOT_FOUND) return code;
    if (code == GRPC_STATUS_OK && state != STATE(SUCCEEDED)) {
      strike_out(all, request.name, strlen(request.name));
    }
  }
  return GRPC_STATUS_OK;
}

// A page of the trainings that have not ended.
typedef struct page {
  char *names[PAGE];  // owned
  size_t count;
} page;

static void take_name(void *arg, const Millrace__V1__Operation *operation) {
  page *own = arg;
  if (own->count == PAGE) return;
  if ((own->names[own->count++] = strdup(operation->name)) == NULL) abort();
}

static void free_page(page *own) {
  for (size_t i = 0; i < own->count; i++)
    free(own->names[i]);
  own->count = 0;
}

// A checkpoint's name is "OPERATION/STEP-SHA256": of the training itself, or of the one before it.
static void take_reference(void *arg, const Millrace__V1__Operation *operation) {
  const Millrace__V1__Checkpoint *at = operation->checkpoint;
  strike_out(arg, operation->name, strlen(operation->name));
  if (at == NULL || at->state.len == 0) return;
  const uint8_t *slash = memchr(at->state.data, '/', at->state.len);
  if (slash == NULL) return;
  strike_out(arg, (const char *)at->state.data, (size_t)(slash - at->state.data));
}

static mesh_code ask_for_references(candidates *all, mesh_scope *scope, const page *running,
                                    mesh_error *err) {
  for (size_t i = 0; i < running->count; i++) {
    Millrace__V1__GetOperationRequest request = MILLRACE__V1__GET_OPERATION_REQUEST__INIT;
    request.name = running->names[i];
    mesh_code code = ask(all, scope, "/millrace.v1.OperationsService/Get", &request.base,
                         take_reference, all, err);
    if (code != GRPC_STATUS_OK && code != GRPC_STATUS_NOT_FOUND) return code;
  }
  return GRPC_STATUS_OK;
}

// Strikes out what trainings in `state` refer to.
static mesh_code ask_for_running(candidates *all, mesh_scope *scope,
                                 Millrace__V1__OperationState state, mesh_error *err) {
  page running = {.count = 0};
  char *after = NULL;
  mesh_code code;
  bool more;
  do {
    Millrace__V1__ListOperationsRequest request = MILLRACE__V1__LIST_OPERATIONS_REQUEST__INIT;
    request.kind = "train";
    request.state = state;
    request.limit = PAGE;
    if (after != NULL) request.after = after;
    code = ask(all, scope, "/millrace.v1.OperationsService/List", &request.base, take_name,
               &running, err);
    if (code == GRPC_STATUS_OK) code = ask_for_references(all, scope, &running, err);
    more = code == GRPC_STATUS_OK && running.count == PAGE;
    free(after);
    after = more ? strdup(running.names[PAGE - 1]) : NULL;
    free_page(&running);
  } while (more);
  return code;
}

// The references last: what is not there any more, or has succeeded, cannot be resumed after it was
// asked for, so none can come that is not seen here.
static mesh_code strike_out_referred(candidates *all, mesh_scope *scope, mesh_error *err) {
  for (const training_run *one = all->host->runs; one != NULL; one = one->next) {
    if (one->operation == NULL) continue;
    const char *name = mesh_operation_name(one->operation);
    strike_out(all, name, strlen(name));
  }
  mesh_code code = ask_for_each(all, scope, err);
  if (code == GRPC_STATUS_OK && count_left(all) > 0) {
    code = ask_for_running(all, scope, STATE(RUNNING), err);
    if (code == GRPC_STATUS_OK) code = ask_for_running(all, scope, STATE(CANCELLING), err);
  }
  return code;
}

// ---- files: on a pool thread ----

static void do_list(void *arg) {
  candidates *all = arg;
  all->count = checkpoints_list_old(all->host->options.directory, KEEP_S, &all->names);
}

static void do_remove(void *arg) {
  candidates *all = arg;
  for (size_t i = 0; i < all->count; i++) {
    if (all->names[i] != NULL) {
      checkpoints_remove(all->host->options.directory, all->names[i]);
    }
  }
}

// ---- the fiber ----

static mesh_code prune_once(training_host *host, mesh_scope *scope, mesh_error *err) {
  candidates all = {.host = host};
  mesh_pool_run(host->pool, host->loop, do_list, &all);
  mesh_code code = all.count > 0 ? strike_out_referred(&all, scope, err) : GRPC_STATUS_OK;
  size_t left = count_left(&all);
  if (code == GRPC_STATUS_OK && left > 0) {
    mesh_pool_run(host->pool, host->loop, do_remove, &all);
    mesh_log(MESH_LOG_INFO, "training-host", "files of %zu operations are removed: %s", left,
             "they are old, and the backend needs them no more");
  }
  for (size_t i = 0; i < all.count; i++)
    free(all.names[i]);
  free(all.names);
  return code;
}

static void prune(void *arg) {
  training_host *host = arg;
  mesh_scope *scope = &host->pruning;
  mesh_error err;
  int64_t wait_s;
  do {
    wait_s = AGAIN_S;
    if (prune_once(host, scope, &err) != GRPC_STATUS_OK) {
      mesh_log(MESH_LOG_DEBUG, "training-host", "old files stay: %s", err.message);
      wait_s = SOON_S;
    }
  } while (mesh_sleep_until(scope, mesh_time_after_s(mesh_now_ns(), wait_s), &err) ==
           GRPC_STATUS_OK);
}

void training_prune_start(training_host *host) {
  mesh_scope_open_root(&host->pruning, host->loop);
  mesh_fiber_start(&host->pruning, prune, host);
}

void training_prune_stop(training_host *host) {
  mesh_scope_cancel(&host->pruning, GRPC_STATUS_CANCELLED, "the host leaves");
  mesh_scope_close(&host->pruning);
}
