#include "backend/training/queue.h"

#include <stdio.h>

#include "mesh/message.h"
#include "millrace/v1/training_host.pb-c.h"

enum { ASK_AGAIN_MS = 2000 };

static void show_place(mesh_operation *operation, int64_t before) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  char note[80];
  snprintf(note, sizeof note, "waiting for a slot of the training host, %lld before it",
           (long long)before);
  progress.eta_s = -1;
  progress.note = note;
  mesh_operation_progress(operation, &progress);
}

// The host's slots; 1 where it cannot be asked: then the run itself finds out why.
static int ask_slots(training_manager *self, mesh_scope *scope) {
  Millrace__V1__TrainingHostStatusRequest request =
      MILLRACE__V1__TRAINING_HOST_STATUS_REQUEST__INIT;
  mesh_call_options options = {.timeout_ms = ASK_AGAIN_MS};
  mesh_call *call;
  mesh_frame frame;
  int slots = 1;
  if (mesh_message_open(scope, self->adapter, "/millrace.v1.TrainingAdapter/Status", &request.base,
                        &options, &call, NULL) != GRPC_STATUS_OK)
    return slots;
  if (mesh_call_receive(call, &frame, NULL) == GRPC_STATUS_OK && !frame.end) {
    Millrace__V1__TrainingHostStatus *status =
        millrace__v1__training_host_status__unpack(NULL, frame.size_bytes, frame.data);
    if (status != NULL && status->slots > 0) slots = status->slots;
    if (status != NULL) millrace__v1__training_host_status__free_unpacked(status, NULL);
  }
  mesh_call_close(call);
  return slots;
}

mesh_code training_queue_wait(training_manager *self, mesh_operation *operation, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(operation);
  training_waiting own = {0};
  training_waiting **end = &self->waiting;
  while (*end != NULL)
    end = &(*end)->next;
  *end = &own;
  mesh_code code = mesh_scope_check(scope, err);
  while (code == GRPC_STATUS_OK && (self->waiting != &own || self->running > 0)) {
    bool first = self->waiting == &own;
    if (first && self->running < ask_slots(self, scope)) break;
    int64_t before = self->running;
    for (training_waiting *other = self->waiting; other != &own; other = other->next)
      before++;
    show_place(operation, before);
    code = mesh_signal_wait(&self->changed, scope, mesh_now_ns() + ASK_AGAIN_MS * INT64_C(1000000),
                            err);
    if (code != GRPC_STATUS_OK) code = mesh_scope_check(scope, err);  // only the time is over
  }
  for (end = &self->waiting; *end != &own; end = &(*end)->next) {
  }
  *end = own.next;
  mesh_signal_notify(&self->changed);
  return code;
}
