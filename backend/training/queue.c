#include "backend/training/queue.h"

#include <stdio.h>
#include <string.h>

#include "mesh/message.h"
#include "millrace/v1/training_host.pb-c.h"

enum { ASK_AGAIN_MS = 2000 };

static void show_place(mesh_operation *operation, int64_t before) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  char note[80];
  snprintf(note, sizeof note, "waiting for a slot of a training host, %lld before it",
           (long long)before);
  progress.eta_s = -1;
  progress.note = note;
  mesh_operation_progress(operation, &progress);
}

// ---- the hosts ----

typedef struct choice {
  char name[TRAINING_HOST_NAME_MAX];
  int free, hosts;  // slots of the best so far; hosts that were reached
  bool gpu;
} choice;

static void consider(choice *best, const Millrace__V1__TrainingHostStatus *status,
                     const char *device) {
  if (status->unreachable[0] != '\0') return;
  best->hosts++;
  bool gpu = status->gpu && strcmp(device, "cpu") != 0;
  int free = status->slots - status->running;
  if (free <= 0 || gpu < best->gpu || (gpu == best->gpu && free <= best->free)) return;
  *best = (choice){.free = free, .gpu = gpu, .hosts = best->hosts};
  snprintf(best->name, sizeof best->name, "%s", status->name);
}

// Asks all hosts. Where none answers there is no best one, and hosts is 0.
static choice choose(training_manager *self, mesh_scope *scope, const char *device) {
  Millrace__V1__TrainingHostStatusRequest request =
      MILLRACE__V1__TRAINING_HOST_STATUS_REQUEST__INIT;
  mesh_call_options options = {.timeout_ms = ASK_AGAIN_MS};
  mesh_call *call;
  mesh_frame frame;
  choice best = {.free = 0};
  if (mesh_message_open(scope, self->adapter, "/millrace.v1.TrainingAdapter/Status", &request.base,
                        &options, &call, NULL) != GRPC_STATUS_OK)
    return best;
  while (mesh_call_receive(call, &frame, NULL) == GRPC_STATUS_OK && !frame.end) {
    Millrace__V1__TrainingHostStatus *status =
        millrace__v1__training_host_status__unpack(NULL, frame.size_bytes, frame.data);
    if (status == NULL) break;
    consider(&best, status, device);
    millrace__v1__training_host_status__free_unpacked(status, NULL);
  }
  mesh_call_close(call);
  return best;
}

// ---- the queue ----

static int64_t count_before(const training_manager *self, const training_waiting *own) {
  int64_t before = self->running;
  for (const training_waiting *other = self->waiting; other != own; other = other->next)
    before++;
  return before;
}

static void leave(training_manager *self, training_waiting *own) {
  training_waiting **at = &self->waiting;
  while (*at != own)
    at = &(*at)->next;
  *at = own->next;
  mesh_signal_notify(&self->changed);
}

mesh_code training_queue_wait(training_manager *self, mesh_operation *operation, const char *device,
                              char host[TRAINING_HOST_NAME_MAX], mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(operation);
  training_waiting own = {0}, **end = &self->waiting;
  while (*end != NULL)
    end = &(*end)->next;
  *end = &own;
  host[0] = '\0';
  mesh_code code = mesh_scope_check(scope, err);
  while (code == GRPC_STATUS_OK) {
    if (self->waiting == &own) {
      choice best = choose(self, scope, device);
      snprintf(host, TRAINING_HOST_NAME_MAX, "%s", best.name);
      // Without a host the run itself finds out why.
      if (best.free > 0 || best.hosts == 0) break;
    }
    show_place(operation, count_before(self, &own));
    code = mesh_signal_wait(&self->changed, scope, mesh_now_ns() + ASK_AGAIN_MS * INT64_C(1000000),
                            err);
    if (code != GRPC_STATUS_OK) code = mesh_scope_check(scope, err);  // only the time is over
  }
  leave(self, &own);
  return code == GRPC_STATUS_OK ? mesh_scope_check(scope, err) : code;
}
