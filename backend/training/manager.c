#include "backend/training/manager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/training/keep_model.h"
#include "backend/training/queue.h"
#include "mesh/operation/message_report.h"
#include "mesh/operation/relay.h"
#include "mesh/operation/remote.h"
#include "mesh/program/file.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/training.pb-c.h"
#include "millrace/v1/training_host.pb-c.h"
#include "requests/training.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

enum { HOSTS_MAX = 3, TITLE_MAX = 160, KEY_MAX = MESH_SHA256_HEX + 8 };

typedef struct training {
  training_manager *manager;
  Millrace__V1__TrainRequest *request;  // owned
  mesh_bytes bytes;                     // owned: the request as it came
  char title[TITLE_MAX], key[KEY_MAX];
  mesh_remote remote;
} training;

// ---- the work ----

// bf16 is the CPU's: no reason to take a GPU's slot.
static const char *device_of(const training *own) {
  return strcmp(own->request->precision, "bf16") == 0 ? "cpu" : own->request->device;
}

// With one host, as far as it goes.
static mesh_code run_on_a_host(training *own, mesh_operation *operation,
                               Millrace__V1__Succeeded *succeeded,
                               Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  training_place place;
  mesh_code code = training_queue_enter(own->manager, operation, device_of(own), &place, err);
  if (code != GRPC_STATUS_OK) return code;
  own->remote.host = place.host;
  code = mesh_remote_run(&own->remote, operation, succeeded, cancelled, err);
  training_queue_leave(own->manager, &place);
  return code;
}

// True if the host has stayed away for so long that it has given the training up, and there is
// another (or itself again) that can go on from the last checkpoint.
static bool can_move(training *own, mesh_operation *operation, mesh_code code) {
  return code == GRPC_STATUS_UNAVAILABLE && own->remote.outcome == NULL &&
         mesh_operation_scope(operation)->code == GRPC_STATUS_OK &&
         training_queue_has_host(own->manager, operation, device_of(own));
}

static mesh_code report_move(mesh_operation *operation, const mesh_error *why, mesh_error *err) {
  char text[MESH_ERROR_MESSAGE_MAX + 64];
  mesh_text_format(text, sizeof text, "the host stays away (%s): a host that answers goes on",
                   why->message);
  Millrace__V1__LogLine line = MILLRACE__V1__LOG_LINE__INIT;
  line.level = MILLRACE__V1__LOG_LINE__LEVEL__WARNING;
  line.layer = "training-manager";
  line.text = text;
  return mesh_message_report(operation, PAYLOAD(LOG), &line.base, err);
}

static mesh_code run(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                     Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  training *own = arg;
  own->remote.link = own->manager->adapter;
  mesh_error failed;
  mesh_code code = GRPC_STATUS_OK;
  for (int hosts = 0; code == GRPC_STATUS_OK; hosts++) {
    code = run_on_a_host(own, operation, succeeded, cancelled, &failed);
    if (code == GRPC_STATUS_OK) break;
    if (hosts + 1 < HOSTS_MAX && can_move(own, operation, code)) {
      code = report_move(operation, &failed, err);
    } else if (err != NULL) {
      *err = failed;
    }
  }
  if (code == GRPC_STATUS_OK) code = training_keep_model(own->manager, operation, succeeded, err);
  return code;
}

static void destroy(void *arg) {
  training *own = arg;
  mesh_remote_clear(&own->remote);
  if (own->request != NULL) millrace__v1__train_request__free_unpacked(own->request, NULL);
  free(own->bytes.data);
  free(own);
}

// ---- the request ----

// What people see: the strategy's `name:` line, or the file's name.
static void make_title(training *own) {
  const char *at = own->request->strategy, *file = own->request->file;
  const char *slash = strrchr(file, '/');
  if (slash != NULL) file = slash + 1;
  mesh_text_escape(own->title, sizeof own->title, file, strlen(file));
  while (at != NULL && strncmp(at, "name:", 5) != 0) {
    at = strchr(at, '\n');
    if (at != NULL) at++;
  }
  if (at == NULL) return;
  at += 5 + strspn(at + 5, " \t\"'");
  mesh_text_escape(own->title, sizeof own->title, at, strcspn(at, "\r\n\"'#"));
  size_t size = strlen(own->title);
  while (size > 0 && own->title[size - 1] == ' ')
    own->title[--size] = '\0';
}

// The same strategy on the same data is the same work: all of the request but how it is started.
static void make_key(training *own) {
  Millrace__V1__TrainRequest what = *own->request;
  char *no_file = "";
  what.start = NULL;
  what.file = no_file;
  mesh_bytes bytes = mesh_message_pack(&what.base);
  char digest[MESH_SHA256_HEX];
  mesh_sha256(mesh_bytes_view(bytes), digest);
  mesh_text_format(own->key, sizeof own->key, "train %s", digest);
  free(bytes.data);
}

// All waits together are longer than the grace: a wait is at least half of its ceiling, so the
// first ones come to more than half a second, and each of the others to half of the cap.
static mesh_backoff backoff_for(int64_t grace_ms) {
  int64_t cap_ms = grace_ms > 300000 ? 5000 : 1000;
  return (mesh_backoff){
      .base_ms = 20, .cap_ms = cap_ms, .attempts = 12 + (int)(grace_ms / (cap_ms / 2))};
}

static mesh_code prepare(void *self, mesh_view request, mesh_start *start, mesh_work *work,
                         mesh_error *err) {
  training *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->manager = self;
  mesh_bytes_set(&own->bytes, request);
  own->request =
      training_request_take(&millrace__v1__train_request__descriptor,
                            (mesh_frame){own->bytes.data, own->bytes.size_bytes, false}, err);
  if (own->request == NULL) {
    destroy(own);
    return GRPC_STATUS_INVALID_ARGUMENT;
  }
  make_title(own);
  make_key(own);
  own->remote = (mesh_remote){.run_method = "/millrace.v1.TrainingAdapter/Run",
                              .cancel_method = "/millrace.v1.TrainingAdapter/Cancel",
                              .request = mesh_bytes_view(own->bytes),
                              .grace_ms = own->manager->grace_ms,
                              .backoff = backoff_for(own->manager->grace_ms)};
  *start = (mesh_start){.kind = "train",
                        .title = own->title,
                        .work_key = own->key,
                        .request = mesh_bytes_view(own->bytes),
                        .request_type = &millrace__v1__train_request__descriptor,
                        .options = own->request->start};
  *work = (mesh_work){run, destroy, own};
  return GRPC_STATUS_OK;
}

mesh_kind training_manager_kind(training_manager *self) {
  return (mesh_kind){"train", prepare, self};
}

static mesh_code train(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_start start;
  mesh_work work;
  mesh_code code = prepare(self, (mesh_view){frame.data, frame.size_bytes}, &start, &work, err);
  if (code != GRPC_STATUS_OK) return code;
  if (((training *)work.arg)->request->resumes[0] != '\0') {
    destroy(work.arg);
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "resumes is set by TrainingManager.Resume: call that");
  }
  return mesh_operation_serve(((training_manager *)self)->operations, &start, &work, call, err);
}

// ---- resume ----

typedef struct ended {
  mesh_bytes request, checkpoint;
  int32_t state;
  bool is_training;
} ended;

// Whoever resumes it begins anew: runs that were lost do not count any more. A checkpoint that says
// nothing else is none.
static void forget_losses(mesh_bytes *checkpoint) {
  Millrace__V1__Checkpoint *kept = mesh_message_unpack(&millrace__v1__checkpoint__descriptor,
                                                       checkpoint->data, checkpoint->size_bytes);
  free(checkpoint->data);
  *checkpoint = (mesh_bytes){0};
  if (kept == NULL) return;
  kept->lost = 0;
  if (kept->state.len > 0) *checkpoint = mesh_message_pack(&kept->base);
  millrace__v1__checkpoint__free_unpacked(kept, NULL);
}

static void take_record(void *arg, const mesh_operation_record *record) {
  ended *own = arg;
  own->state = record->state;
  own->is_training = strcmp(record->kind, "train") == 0;
  mesh_bytes_set(&own->request, record->request);
  mesh_bytes_set(&own->checkpoint, record->checkpoint);
  forget_losses(&own->checkpoint);
}

static mesh_code check_ended(const ended *own, const char *name, mesh_error *err) {
  const char *why = NULL;
  if (!own->is_training) {
    why = "is no training";
  } else if (own->state == MILLRACE__V1__OPERATION_STATE__SUCCEEDED) {
    why = "has succeeded";
  } else if (own->state == MILLRACE__V1__OPERATION_STATE__RUNNING ||
             own->state == MILLRACE__V1__OPERATION_STATE__CANCELLING) {
    why = "still runs: watch it (millrace ops watch)";
  } else if (own->checkpoint.size_bytes == 0) {
    why = "has made no checkpoint: start it again";
  }
  if (why == NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "operation '%s' %s", name, why);
}

// The request of the operation that is resumed, but how it is started, as this one's own; the
// caller frees the bytes. Empty where the journal's is no TrainRequest.
static mesh_bytes make_resumed(const Millrace__V1__ResumeRequest *request, const ended *from) {
  mesh_bytes bytes = {0};
  Millrace__V1__TrainRequest *before = mesh_message_unpack(
      &millrace__v1__train_request__descriptor, from->request.data, from->request.size_bytes);
  if (before == NULL) return bytes;
  Millrace__V1__TrainRequest resumed = *before;
  resumed.start = request->start;
  resumed.resumes = request->operation;
  bytes = mesh_message_pack(&resumed.base);
  millrace__v1__train_request__free_unpacked(before, NULL);
  return bytes;
}

static mesh_code start_again(training_manager *self, const Millrace__V1__ResumeRequest *request,
                             const ended *from, mesh_call *call, mesh_error *err) {
  mesh_start start;
  mesh_work work;
  mesh_bytes bytes = make_resumed(request, from);
  mesh_code code = prepare(self, mesh_bytes_view(bytes), &start, &work, err);
  free(bytes.data);
  if (code != GRPC_STATUS_OK) return code;
  start.work_key = "";
  start.resumes = request->operation;
  start.checkpoint = mesh_bytes_view(from->checkpoint);
  return mesh_operation_serve(self->operations, &start, &work, call, err);
}

static mesh_code resume(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  training_manager *self = arg;
  Millrace__V1__ResumeRequest *request =
      training_request_take(&millrace__v1__resume_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  ended from = {0};
  mesh_code code =
      self->journal->find(self->journal->self, request->operation, NULL, take_record, &from, err);
  if (code == GRPC_STATUS_OK) code = check_ended(&from, request->operation, err);
  if (code == GRPC_STATUS_OK) code = start_again(self, request, &from, call, err);
  free(from.request.data);
  free(from.checkpoint.data);
  millrace__v1__resume_request__free_unpacked(request, NULL);
  return code;
}

// ---- the service ----

static mesh_code check_strategy(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  mesh_code code =
      training_request_check(&millrace__v1__check_strategy_request__descriptor, request, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, ((training_manager *)self)->adapter,
                    "/millrace.v1.TrainingAdapter/CheckStrategy", request, err);
}

void training_manager_init(training_manager *self) {
  static const char *const documents[] = {"millrace.v1.TrainRequest.strategy",
                                          "millrace.v1.CheckStrategyRequest.strategy", NULL};
  static const mesh_method methods[] = {
      {.name = "Train", .run = train, .documents = documents},
      {.name = "Resume", .run = resume},
      {.name = "CheckStrategy", .run = check_strategy, .documents = documents}};
  self->service = (mesh_service){"millrace.v1.TrainingManager", methods,
                                 sizeof methods / sizeof *methods, self};
}
