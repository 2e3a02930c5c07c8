#include "requests/training.h"

#include <string.h>

#include "millrace/v1/models.pb-c.h"
#include "millrace/v1/training.pb-c.h"
#include "millrace/v1/training_host.pb-c.h"
#include "requests/take.h"

enum { STRATEGY_BYTES_MAX = 1 << 20, EPOCHS_MAX = 1000000, DAY_S = 86400 };

static mesh_code check_text(const char *text, mesh_error *err) {
  size_t size = strlen(text);
  if (size > 0 && size <= STRATEGY_BYTES_MAX) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "strategy has %zu bytes: the text of a file of 1 to %d is expected", size,
                   STRATEGY_BYTES_MAX);
}

// `word` is empty, or one of two.
static mesh_code check_choice(const char *field, const char *word, const char *one,
                              const char *other, mesh_error *err) {
  if (word[0] == '\0' || strcmp(word, one) == 0 || strcmp(word, other) == 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s '%.40s': use %s or %s", field, word, one,
                   other);
}

static mesh_code check_numbers(const Millrace__V1__TrainRequest *request, mesh_error *err) {
  mesh_code code = request_check_number("epochs", request->epochs, EPOCHS_MAX, err);
  if (code == GRPC_STATUS_OK) {
    code = request_check_number("checkpoint_epochs", request->checkpoint_epochs, EPOCHS_MAX, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = request_check_number("checkpoint_s", request->checkpoint_s, DAY_S, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  return request_check_number("warmup", request->warmup, MILLRACE__V1__TRAIN_REQUEST__WARMUP__ZERO,
                              err);
}

static mesh_code check_train(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__TrainRequest *request = (const Millrace__V1__TrainRequest *)message;
  mesh_code code = check_text(request->strategy, err);
  if (code == GRPC_STATUS_OK) code = check_numbers(request, err);
  for (size_t i = 0; i < request->n_symbols && code == GRPC_STATUS_OK; i++)
    code = request_check_symbol(request->symbols[i], err);
  if (code == GRPC_STATUS_OK) code = request_check_interval(request->from, request->to, err);
  if (code == GRPC_STATUS_OK) code = check_choice("device", request->device, "cpu", "cuda", err);
  if (code == GRPC_STATUS_OK) {
    code = check_choice("precision", request->precision, "fp32", "bf16", err);
  }
  if (code != GRPC_STATUS_OK) return code;
  if (strcmp(request->precision, "bf16") != 0 || strcmp(request->device, "cuda") != 0) return code;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "precision bf16 is the CPU's: without --device cuda");
}

static mesh_code check_resume(const ProtobufCMessage *message, mesh_error *err) {
  return request_check_name("operation", ((const Millrace__V1__ResumeRequest *)message)->operation,
                            err);
}

static mesh_code check_strategy(const ProtobufCMessage *message, mesh_error *err) {
  return check_text(((const Millrace__V1__CheckStrategyRequest *)message)->strategy, err);
}

// ---- hosts ----

static mesh_code check_run(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__RunRequest *request = (const Millrace__V1__RunRequest *)message;
  mesh_code code = request_check_name("operation", request->operation, err);
  if (code != GRPC_STATUS_OK) return code;
  return training_request_check(&millrace__v1__train_request__descriptor,
                                (mesh_frame){request->request.data, request->request.len, false},
                                err);
}

static mesh_code check_cancel(const ProtobufCMessage *message, mesh_error *err) {
  return request_check_name("name", ((const Millrace__V1__CancelOperationRequest *)message)->name,
                            err);
}

static mesh_code check_fetch(const ProtobufCMessage *message, mesh_error *err) {
  return request_check_name("operation",
                            ((const Millrace__V1__FetchModelRequest *)message)->operation, err);
}

// ---- models ----

static mesh_code check_version(const char *name, int32_t version, mesh_error *err) {
  mesh_code code = request_check_name("name", name, err);
  return code == GRPC_STATUS_OK ? request_check_number("version", version, INT32_MAX, err) : code;
}

static mesh_code check_list(const ProtobufCMessage *message, mesh_error *err) {
  const char *name = ((const Millrace__V1__ListModelsRequest *)message)->name;
  return name[0] == '\0' ? GRPC_STATUS_OK : request_check_name("name", name, err);
}

static mesh_code check_model(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__ModelRequest *request = (const Millrace__V1__ModelRequest *)message;
  return check_version(request->name, request->version, err);
}

static mesh_code check_predict(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__PredictRequest *request = (const Millrace__V1__PredictRequest *)message;
  mesh_code code = check_version(request->name, request->version, err);
  if (code == GRPC_STATUS_OK && request->symbol[0] != '\0') {
    code = request_check_symbol(request->symbol, err);
  }
  if (code == GRPC_STATUS_OK) code = request_check_interval(request->from, request->to, err);
  if (code != GRPC_STATUS_OK) return code;
  if (request->live && request->to != NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "live bars have no end: leave `to` out");
  }
  if (request->last >= 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "last is %lld: it counts bars",
                   (long long)request->last);
}

static const request_check table[] = {
    {&millrace__v1__train_request__descriptor, check_train},
    {&millrace__v1__resume_request__descriptor, check_resume},
    {&millrace__v1__check_strategy_request__descriptor, check_strategy},
    {&millrace__v1__run_request__descriptor, check_run},
    {&millrace__v1__cancel_operation_request__descriptor, check_cancel},
    {&millrace__v1__fetch_model_request__descriptor, check_fetch},
    {&millrace__v1__list_models_request__descriptor, check_list},
    {&millrace__v1__model_request__descriptor, check_model},
    {&millrace__v1__predict_request__descriptor, check_predict},
};

static const request_table all = {table, sizeof table / sizeof *table};

void *training_request_take(const ProtobufCMessageDescriptor *type, mesh_frame frame,
                            mesh_error *err) {
  return request_take(&all, type, frame, err);
}

mesh_code training_request_check(const ProtobufCMessageDescriptor *type, mesh_frame frame,
                                 mesh_error *err) {
  return request_pass(&all, type, frame, err);
}
