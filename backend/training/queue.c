#include "backend/training/queue.h"

#include <stdio.h>
#include <string.h>

#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/training_host.pb-c.h"

// Of a call to the hosts; and how often they are asked while a training waits, since others may use
// them, too.
enum { ASK_MS = 5000, ASK_AGAIN_MS = 2000 };

static void show_place(mesh_operation *operation, int64_t before) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  char note[80];
  snprintf(note, sizeof note, "waiting for a slot of a training host, %lld before it",
           (long long)before);
  progress.eta_s = -1;
  progress.note = note;
  mesh_operation_progress(operation, &progress);
}

// ---- places ----

static void append(training_place **list, training_place *place) {
  while (*list != NULL)
    list = &(*list)->next;
  place->next = NULL;
  *list = place;
}

static void unlink_place(training_place **list, const training_place *place) {
  while (*list != place)
    list = &(*list)->next;
  *list = place->next;
}

// How many are in a list, up to `end` (NULL: all); of `host` only, unless that is NULL.
static int count(const training_place *list, const training_place *end, const char *host) {
  int found = 0;
  for (; list != end; list = list->next)
    found += host == NULL || strcmp(list->host, host) == 0;
  return found;
}

// ---- the hosts ----

typedef struct choice {
  const char *operation, *device;  // for whom
  char name[TRAINING_HOST_NAME_MAX];
  int free, hosts;  // slots of the best so far; hosts that were reached
  bool gpu, mine;   // it has a GPU; it runs the operation already
} choice;

static bool runs(const Millrace__V1__TrainingHostStatus *status, const char *operation) {
  for (size_t i = 0; i < status->n_operations; i++) {
    if (strcmp(status->operations[i], operation) == 0) return true;
  }
  return false;
}

// What was placed with a host counts, though the host may not have heard of it yet.
static void consider(const training_manager *self, choice *best,
                     const Millrace__V1__TrainingHostStatus *status) {
  if (status->unreachable[0] != '\0' || best->mine) return;
  best->hosts++;
  int placed = count(self->placed, NULL, status->name);
  int free = status->slots - (placed > status->running ? placed : status->running);
  bool gpu = status->gpu && strcmp(best->device, "cpu") != 0;
  best->mine = runs(status, best->operation);
  bool better = gpu != best->gpu ? gpu : free > best->free;
  if (!best->mine && (free <= 0 || !better)) return;
  best->free = free;
  best->gpu = gpu;
  mesh_text_copy(best->name, sizeof best->name, status->name);
}

// Asks all hosts. Where none answers there is no best one, and hosts is 0.
static choice choose(const training_manager *self, mesh_operation *operation, const char *device) {
  Millrace__V1__TrainingHostStatusRequest request =
      MILLRACE__V1__TRAINING_HOST_STATUS_REQUEST__INIT;
  mesh_call_options options = {.timeout_ms = ASK_MS};
  mesh_call *call;
  mesh_frame frame;
  choice best = {.operation = mesh_operation_name(operation), .device = device};
  if (mesh_message_open(mesh_operation_scope(operation), self->adapter,
                        "/millrace.v1.TrainingAdapter/Status", &request.base, &options, &call,
                        NULL) != GRPC_STATUS_OK)
    return best;
  while (mesh_call_receive(call, &frame, NULL) == GRPC_STATUS_OK && !frame.end) {
    Millrace__V1__TrainingHostStatus *status = mesh_message_unpack(
        &millrace__v1__training_host_status__descriptor, frame.data, frame.size_bytes);
    if (status == NULL) break;
    consider(self, &best, status);
    millrace__v1__training_host_status__free_unpacked(status, NULL);
  }
  mesh_call_close(call);
  return best;
}

// ---- the queue ----

// True if the operation may go on now: with the host that is in place->host then.
static bool find_host(const training_manager *self, mesh_operation *operation, const char *device,
                      training_place *place) {
  choice best = choose(self, operation, device);
  mesh_text_copy(place->host, sizeof place->host, best.name);
  // Without a host the run itself finds out why.
  return best.mine || best.free > 0 || best.hosts == 0;
}

static mesh_code wait_for_turn(training_manager *self, mesh_operation *operation,
                               const char *device, training_place *place, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(operation);
  mesh_code code = mesh_scope_check(scope, err);
  while (code == GRPC_STATUS_OK) {
    if (self->waiting == place && find_host(self, operation, device, place)) break;
    show_place(operation, count(self->placed, NULL, NULL) + count(self->waiting, place, NULL));
    code = mesh_signal_wait(&self->changed, scope, mesh_time_after_ms(mesh_now_ns(), ASK_AGAIN_MS),
                            err);
    if (code != GRPC_STATUS_OK) code = mesh_scope_check(scope, err);  // only the time is over
  }
  return code == GRPC_STATUS_OK ? mesh_scope_check(scope, err) : code;
}

mesh_code training_queue_enter(training_manager *self, mesh_operation *operation,
                               const char *device, training_place *place, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  bool adopted = mesh_operation_record_of(operation).epoch > 1;
  choice here = {.mine = false};
  if (adopted) here = choose(self, operation, device);
  mesh_text_copy(place->host, sizeof place->host, here.name);
  if (!here.mine) {
    append(&self->waiting, place);
    code = wait_for_turn(self, operation, device, place, err);
    unlink_place(&self->waiting, place);
  }
  if (code == GRPC_STATUS_OK) append(&self->placed, place);
  mesh_signal_notify(&self->changed);
  return code;
}

bool training_queue_has_host(training_manager *self, mesh_operation *operation,
                             const char *device) {
  return choose(self, operation, device).hosts > 0;
}

void training_queue_leave(training_manager *self, training_place *place) {
  unlink_place(&self->placed, place);
  mesh_signal_notify(&self->changed);
}
