#include "backend/training/keep_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/operation_retry.h"
#include "mesh/program/file.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/training_host.pb-c.h"

enum { MODEL_BYTES_MAX = 1 << 30, MODEL_NAME_MAX = 63 };

static const mesh_backoff fetch_backoff = {.base_ms = 50, .cap_ms = 1000, .attempts = 60};

typedef struct keeping {
  training_manager *manager;
  const char *operation;
  const Millrace__V1__TrainResult *result;
  mesh_bytes file;             // owned
  Millrace__V1__Model *about;  // owned
  int32_t version;
  mesh_code code;
  mesh_error err;
} keeping;

void training_model_path(const char *directory, const char *sha256, char out[4096]) {
  mesh_text_format(out, 4096, "%s/%s.safetensors", directory, sha256);
}

// ---- fetching ----

static mesh_code take_chunk(keeping *own, mesh_frame frame, mesh_error *err) {
  Millrace__V1__FileChunk *chunk =
      mesh_message_unpack(&millrace__v1__file_chunk__descriptor, frame.data, frame.size_bytes);
  if (chunk == NULL) return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed FileChunk");
  size_t size = chunk->data.len;
  mesh_code code = GRPC_STATUS_OK;
  if (own->file.size_bytes + size > MODEL_BYTES_MAX) {
    code = mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "the model has more than %d bytes",
                     MODEL_BYTES_MAX);
  } else {
    mesh_bytes_append(&own->file, (mesh_view){chunk->data.data, size});
  }
  if (chunk->about != NULL && own->about == NULL) {
    own->about = chunk->about;
    chunk->about = NULL;
  }
  millrace__v1__file_chunk__free_unpacked(chunk, NULL);
  return code;
}

static mesh_code check_model(const keeping *own, mesh_error *err) {
  char digest[MESH_SHA256_HEX];
  mesh_sha256(mesh_bytes_view(own->file), digest);
  const char *fault =
      own->about == NULL ? NULL : mesh_text_file_name_fault(own->about->name, MODEL_NAME_MAX);
  if (fault != NULL) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the model that came is called '%.*s', which %s",
                     MESH_TEXT_SHOWN(own->about->name, MODEL_NAME_MAX), fault);
  }
  if (own->about != NULL && strcmp(digest, own->result->sha256) == 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the model that came has SHA-256 %s, not %s", digest,
                   own->result->sha256);
}

// On a pool thread: a model may have a GiB.
static void do_check(void *arg) {
  keeping *own = arg;
  own->code = check_model(own, &own->err);
}

static mesh_code check_file(keeping *own, mesh_error *err) {
  mesh_pool_run(own->manager->pool, own->manager->loop, do_check, own);
  if (own->code != GRPC_STATUS_OK) *err = own->err;
  return own->code;
}

// On a pool thread, too: the system takes its time to have much memory back.
static void do_forget(void *arg) {
  keeping *own = arg;
  free(own->file.data);
  own->file = (mesh_bytes){0};
  if (own->about != NULL) millrace__v1__model__free_unpacked(own->about, NULL);
  own->about = NULL;
}

static void forget(keeping *own) {
  if (own->file.data == NULL && own->about == NULL) return;
  mesh_pool_run(own->manager->pool, own->manager->loop, do_forget, own);
}

static mesh_code fetch_once(keeping *own, mesh_scope *scope, mesh_error *err) {
  Millrace__V1__FetchModelRequest request = MILLRACE__V1__FETCH_MODEL_REQUEST__INIT;
  mesh_call *call;
  mesh_frame frame;
  forget(own);
  request.operation = (char *)(uintptr_t)own->operation;
  mesh_code code =
      mesh_message_open(scope, own->manager->adapter, "/millrace.v1.TrainingAdapter/FetchModel",
                        &request.base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    code = take_chunk(own, frame, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  return code == GRPC_STATUS_OK ? check_file(own, err) : code;
}

static mesh_code fetch(keeping *own, mesh_operation *operation, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(operation);
  mesh_code code;
  int attempt = 0;
  do {
    code = fetch_once(own, scope, err);
  } while (code != GRPC_STATUS_OK &&
           mesh_operation_retry(operation, scope, own->manager->adapter, &fetch_backoff,
                                "fetching the model", ++attempt, err) == GRPC_STATUS_OK);
  if (code == GRPC_STATUS_OK) return code;
  mesh_code ended = mesh_scope_check(scope, NULL);
  return ended == GRPC_STATUS_OK ? code : mesh_scope_check(scope, err);
}

// ---- keeping ----

// On a pool thread: the file first, then the row that says that it is there.
static void do_keep(void *arg) {
  keeping *own = arg;
  char path[4096];
  training_model_path(own->manager->models, own->result->sha256, path);
  own->code = mesh_file_write(path, mesh_bytes_view(own->file), &own->err);
  if (own->code != GRPC_STATUS_OK) return;
  mesh_bytes about = mesh_message_pack(&own->about->base);
  store_model model = {.name = own->about->name,
                       .created_ns = own->about->created != NULL
                                         ? mesh_time_join(own->about->created->seconds, 0)
                                         : mesh_wall_ns(),
                       .operation = own->operation,
                       .sha256 = own->result->sha256,
                       .about = mesh_bytes_view(about)};
  own->code = store_add_model(own->manager->store, &model, &own->version, &own->err);
  free(about.data);
}

mesh_code training_keep_model(training_manager *self, mesh_operation *operation,
                              Millrace__V1__Succeeded *succeeded, mesh_error *err) {
  if (succeeded->result_case != MILLRACE__V1__SUCCEEDED__RESULT_TRAIN) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the host's result is no TrainResult");
  }
  keeping own = {
      .manager = self, .operation = mesh_operation_name(operation), .result = succeeded->train};
  mesh_code code = fetch(&own, operation, err);
  if (code == GRPC_STATUS_OK) {
    do {  // a disk that is full makes no training fail
      mesh_pool_run(self->pool, self->loop, do_keep, &own);
      code = own.code;
      if (code != GRPC_STATUS_OK) *err = own.err;
    } while (code != GRPC_STATUS_OK &&
             mesh_operation_await_journal(operation, err) == GRPC_STATUS_OK);
    if (code != GRPC_STATUS_OK) code = err->code;
    succeeded->train->version = own.version;
  }
  forget(&own);
  return code;
}
