#include "backend/training/models_manager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/training/keep_model.h"
#include "backend/training/predict.h"
#include "mesh/operation/relay.h"
#include "mesh/program/file.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/models.pb-c.h"
#include "requests/training.h"

enum { CHUNK_BYTES = 256 * 1024, MODEL_BYTES_MAX = 1 << 30 };

// What a job on a pool thread is asked for, and what it finds.
typedef struct job {
  models_manager *self;
  const char *name;
  int32_t version;
  Millrace__V1__Model **found;  // owned; of a list a page
  size_t count;
  int64_t created_ns;  // of the last one, whose name is last_name
  char *last_name;     // owned
  bool more;
  char sha256[MESH_SHA256_HEX];
  mesh_bytes file;  // owned
  mesh_code code;
  mesh_error err;
} job;

// What cannot be read is shown as far as it goes.
static Millrace__V1__Model *make_damaged(const store_model *model) {
  Millrace__V1__Model *about = malloc(sizeof *about);
  if (about == NULL) abort();
  millrace__v1__model__init(about);
  about->name = strdup(model->name);
  about->operation = strdup(model->operation);
  about->damaged = strdup("what is stored of it");
  if (about->name == NULL || about->operation == NULL || about->damaged == NULL) abort();
  return about;
}

static void take_model(void *arg, const store_model *model) {
  job *own = arg;
  Millrace__V1__Model *about = mesh_message_unpack(&millrace__v1__model__descriptor,
                                                   model->about.data, model->about.size_bytes);
  if (about == NULL) about = make_damaged(model);
  about->version = model->version;
  if (about->result != NULL) about->result->version = model->version;
  mesh_text_copy(own->sha256, sizeof own->sha256, model->sha256);
  own->version = model->version;
  own->created_ns = model->created_ns;
  free(own->last_name);
  own->last_name = strdup(model->name);
  own->found = reallocarray(own->found, own->count + 1, sizeof *own->found);
  if (own->found == NULL || own->last_name == NULL) abort();
  own->found[own->count++] = about;
}

static void clear_found(job *own) {
  for (size_t i = 0; i < own->count; i++)
    millrace__v1__model__free_unpacked(own->found[i], NULL);
  free(own->found);
  own->found = NULL;
  own->count = 0;
}

static void clear(job *own) {
  clear_found(own);
  free(own->last_name);
  free(own->file.data);
}

static mesh_code run_job(job *own, mesh_call *call, void (*work)(void *arg), mesh_error *err) {
  mesh_code code = mesh_pool_ask(own->self->pool, mesh_call_scope(call), work, own, err);
  if (code != GRPC_STATUS_OK) return code;
  if (own->code != GRPC_STATUS_OK) *err = own->err;
  return own->code;
}

// ---- List ----

static void do_list(void *arg) {
  job *own = arg;
  char *after = own->last_name;  // take_model() makes it another
  own->last_name = NULL;
  store_model_place place = {own->created_ns, after, own->version};
  own->code = store_list_models(own->self->store, own->name, after != NULL ? &place : NULL,
                                take_model, own, &own->more, &own->err);
  free(after);
}

// Without what is large.
static mesh_code send_brief(mesh_call *call, const Millrace__V1__Model *from, mesh_error *err) {
  Millrace__V1__Model brief = *from;
  char *none = "";
  brief.n_epochs = 0;
  brief.n_features = 0;
  brief.strategy = none;
  return mesh_message_send(call, &brief.base, err);
}

static mesh_code list_page(mesh_call *call, job *own, mesh_error *err) {
  mesh_code code = run_job(own, call, do_list, err);
  for (size_t i = 0; i < own->count && code == GRPC_STATUS_OK; i++)
    code = send_brief(call, own->found[i], err);
  return code;
}

static mesh_code list(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__ListModelsRequest *request =
      training_request_take(&millrace__v1__list_models_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  job own = {.self = self, .name = request->name};
  mesh_code code = list_page(call, &own, err);
  size_t count = own.count;
  while (code == GRPC_STATUS_OK && own.more) {
    clear_found(&own);
    code = list_page(call, &own, err);
  }
  if (code == GRPC_STATUS_OK && count == 0 && request->name[0] != '\0') {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "there is no model '%s'", request->name);
  }
  clear(&own);
  millrace__v1__list_models_request__free_unpacked(request, NULL);
  return code;
}

// ---- Get, Read, Delete: of one model ----

static void append(mesh_error *err, const char *link, const char *text) {
  mesh_text_append(err->message, sizeof err->message, "%s%s", link, text);
}

// Adds the names that there are, of the newest ones, to "there is no model".
static void name_others(job *own) {
  job others = {.self = own->self, .name = ""};
  bool more;
  mesh_error ignored;
  mesh_code code =
      store_list_models(own->self->store, "", NULL, take_model, &others, &more, &ignored);
  char text[200] = "";
  for (size_t i = 0; i < others.count && code == GRPC_STATUS_OK; i++) {
    const char *name = others.found[i]->name;
    if (strstr(text, name) != NULL) continue;
    mesh_text_append(text, sizeof text, "%s%s", text[0] != '\0' ? ", " : "", name);
  }
  if (code == GRPC_STATUS_OK) {
    append(&own->err, text[0] == '\0' ? "; there are none yet" : "; there is: ", text);
  }
  clear(&others);
}

static void do_find(void *arg) {
  job *own = arg;
  own->code =
      store_find_model(own->self->store, own->name, own->version, take_model, own, &own->err);
  if (own->code == GRPC_STATUS_NOT_FOUND) name_others(own);
  if (own->code == GRPC_STATUS_OK && own->found[0]->damaged[0] != '\0') {
    own->code = mesh_fail(&own->err, GRPC_STATUS_DATA_LOSS,
                          "what is stored of model '%s' is damaged", own->name);
  }
}

static void do_read(void *arg) {
  job *own = arg;
  do_find(own);
  if (own->code != GRPC_STATUS_OK) return;
  char path[4096], digest[MESH_SHA256_HEX];
  training_model_path(own->self->models, own->sha256, path);
  own->code = mesh_file_read_private(path, MODEL_BYTES_MAX, &own->file, &own->err);
  if (own->code != GRPC_STATUS_OK) return;
  mesh_sha256(mesh_bytes_view(own->file), digest);
  if (strcmp(digest, own->sha256) == 0) return;
  own->code =
      mesh_fail(&own->err, GRPC_STATUS_DATA_LOSS, "%s is damaged: its SHA-256 is another", path);
}

static void do_delete(void *arg) {
  job *own = arg;
  bool unused = false;
  do_find(own);
  bool damaged = own->code == GRPC_STATUS_DATA_LOSS && own->count > 0;  // it can still go
  if (own->code != GRPC_STATUS_OK && !damaged) return;
  own->code = store_remove_model(own->self->store, own->name, own->version, &unused, &own->err);
  if (own->code != GRPC_STATUS_OK || !unused) return;
  char path[4096];
  training_model_path(own->self->models, own->sha256, path);
  unlink(path);
}

static mesh_code send_found(mesh_call *call, job *own, mesh_error *err) {
  return mesh_message_send(call, &own->found[0]->base, err);
}

static mesh_code send_file(mesh_call *call, job *own, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (size_t at = 0; at < own->file.size_bytes && code == GRPC_STATUS_OK; at += CHUNK_BYTES) {
    Millrace__V1__FileChunk chunk = MILLRACE__V1__FILE_CHUNK__INIT;
    size_t left = own->file.size_bytes - at;
    chunk.data.data = own->file.data + at;
    chunk.data.len = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    code = mesh_message_send(call, &chunk.base, err);
  }
  return code;
}

static mesh_code send_deleted(mesh_call *call, job *own, mesh_error *err) {
  Millrace__V1__DeleteModelResponse response = MILLRACE__V1__DELETE_MODEL_RESPONSE__INIT;
  response.version = own->version;
  return mesh_message_send(call, &response.base, err);
}

static mesh_code with_model(mesh_call *call, mesh_frame frame, void *self, void (*work)(void *),
                            mesh_code (*answer)(mesh_call *, job *, mesh_error *),
                            mesh_error *err) {
  Millrace__V1__ModelRequest *request =
      training_request_take(&millrace__v1__model_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  job own = {.self = self, .name = request->name, .version = request->version};
  mesh_code code = run_job(&own, call, work, err);
  if (code == GRPC_STATUS_OK) code = answer(call, &own, err);
  clear(&own);
  millrace__v1__model_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code get(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return with_model(call, frame, self, do_find, send_found, err);
}

static mesh_code read_file(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return with_model(call, frame, self, do_read, send_file, err);
}

static mesh_code delete_model(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return with_model(call, frame, self, do_delete, send_deleted, err);
}

// ---- what a host computes ----

static mesh_code predict(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return training_relay_predict(call, ((models_manager *)self)->adapter,
                                "/millrace.v1.TrainingAdapter/Predict", frame, err);
}

static mesh_code export_model(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_code code = training_request_check(&millrace__v1__model_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, ((models_manager *)self)->adapter,
                    "/millrace.v1.TrainingAdapter/ExportModel", frame, err);
}

void models_manager_init(models_manager *self) {
  static const mesh_method methods[] = {
      {.name = "List", .run = list},           {.name = "Get", .run = get},
      {.name = "Read", .run = read_file},      {.name = "Predict", .run = predict},
      {.name = "Export", .run = export_model}, {.name = "Delete", .run = delete_model},
  };
  self->service =
      (mesh_service){"millrace.v1.ModelsManager", methods, sizeof methods / sizeof *methods, self};
}
