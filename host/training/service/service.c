#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/cuda.h"
#include "host/training/service/host.h"
#include "host/training/service/pooled.h"
#include "host/training/service/predict.h"
#include "host/training/service/run.h"
#include "host/training/service/send_file.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/training_host.pb-c.h"
#include "requests/training.h"

enum { ABOUT_MAX = 64 << 20, SLOTS_MAX = 64 };

// ---- files ----

typedef struct fetching {
  training_host *host;
  train_stop stop;
  const char *operation;
  mesh_bytes file, about;  // owned; about: as the FileChunk that goes in front
  mesh_code code;
  mesh_error err;
} fetching;

static mesh_code read_part(const fetching *own, const char *suffix, size_t most, mesh_bytes *out,
                           mesh_error *err) {
  char path[4096];
  if (!checkpoints_model_path(own->host->options.directory, own->operation, suffix, path,
                              sizeof path)) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation is called so");
  }
  return mesh_file_read_private(path, most, out, err);
}

// What is known of the model, as it is sent.
static mesh_code pack_about(mesh_bytes *about, mesh_error *err) {
  Millrace__V1__FileChunk chunk = MILLRACE__V1__FILE_CHUNK__INIT;
  chunk.about =
      mesh_message_unpack(&millrace__v1__model__descriptor, about->data, about->size_bytes);
  if (chunk.about == NULL) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the model's file is damaged");
  }
  free(about->data);
  *about = mesh_message_pack(&chunk.base);
  millrace__v1__model__free_unpacked(chunk.about, NULL);
  return GRPC_STATUS_OK;
}

static void do_fetch(void *arg) {
  fetching *own = arg;
  own->code = train_stop_check(&own->stop, &own->err);
  if (own->code == GRPC_STATUS_OK) {
    own->code = read_part(own, ".safetensors", MODEL_BYTES_MAX, &own->file, &own->err);
  }
  if (own->code == GRPC_STATUS_OK) {
    own->code = read_part(own, ".about", ABOUT_MAX, &own->about, &own->err);
  }
  if (own->code == GRPC_STATUS_OK) own->code = pack_about(&own->about, &own->err);
  if (own->code == GRPC_STATUS_NOT_FOUND) {
    (void)mesh_fail(&own->err, own->code, "operation '%s' has left no model here", own->operation);
  }
}

static void free_fetched(void *arg) {
  fetching *own = arg;
  free(own->file.data);
  free(own->about.data);
}

static mesh_code fetch_model(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__FetchModelRequest *request =
      training_request_take(&millrace__v1__fetch_model_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  fetching own = {.host = self, .operation = request->operation};
  training_pooled(own.host->aside, mesh_call_scope(call), &own.stop, do_fetch, &own);
  mesh_code code = own.code;
  if (code == GRPC_STATUS_OK) {
    code = training_send_file(call, mesh_bytes_view(own.file), mesh_bytes_view(own.about), err);
  } else {
    *err = own.err;
  }
  mesh_pool_run(own.host->aside, own.host->loop, free_fetched, &own);
  millrace__v1__fetch_model_request__free_unpacked(request, NULL);
  return code;
}

// ---- CheckStrategy ----

static const char *name_of_labels(train_label_source source) {
  static const char *const names[] = {"zigzag", "forward_return", "triple_barrier"};
  return names[source];
}

static void describe_network(const train_network *network, char out[TRAINING_TEXT_MAX]) {
  static const char *const activations[] = {"relu", "tanh", "sigmoid", "leaky_relu"};
  mesh_text_format(out, TRAINING_TEXT_MAX, "%d", network->inputs);
  for (int i = 0; i < network->hidden_count; i++)
    mesh_text_append(out, TRAINING_TEXT_MAX, "-%d", network->hidden[i]);
  mesh_text_append(out, TRAINING_TEXT_MAX, "-%d %s, dropout %g", network->outputs,
                   activations[network->activation], (double)network->dropout);
}

static mesh_code send_report(mesh_call *call, const strategy *strategy, mesh_error *err) {
  Millrace__V1__StrategyReport report = MILLRACE__V1__STRATEGY_REPORT__INIT;
  char network[TRAINING_TEXT_MAX];
  char **features = calloc((size_t)strategy->feature_count + 1, sizeof *features);
  char *symbols[STRATEGY_SYMBOLS_MAX], *timeframes[STRATEGY_TIMEFRAMES_MAX];
  if (features == NULL) abort();
  for (int i = 0; i < strategy->feature_count; i++)
    features[i] = strategy->features[i].name;
  for (int i = 0; i < strategy->symbol_count; i++)
    symbols[i] = (char *)(uintptr_t)strategy->symbols[i];
  for (int i = 0; i < strategy->timeframe_count; i++)
    timeframes[i] = (char *)(uintptr_t)strategy->timeframes[i];
  describe_network(&strategy->network, network);
  report.name = (char *)(uintptr_t)strategy->name;
  report.n_symbols = (size_t)strategy->symbol_count;
  report.symbols = symbols;
  report.n_timeframes = (size_t)strategy->timeframe_count;
  report.timeframes = timeframes;
  report.base_timeframe = timeframes[strategy->base];
  report.n_features = (size_t)strategy->feature_count;
  report.features = features;
  report.labels = (char *)(uintptr_t)name_of_labels(strategy->labels.source);
  report.network = network;
  report.parameters = (int64_t)train_network_parameter_count(&strategy->network);
  report.warning = (char *)(uintptr_t)strategy->warning;
  mesh_code code = mesh_message_send(call, &report.base, err);
  free(features);
  return code;
}

typedef struct checking {
  const mesh_schema *schema;
  const Millrace__V1__CheckStrategyRequest *request;
  train_stop stop;
  strategy *strategy;  // owned
  mesh_code code;
  mesh_error err;
} checking;

static void do_check(void *arg) {
  checking *own = arg;
  const char *file = own->request->file[0] != '\0' ? own->request->file : "strategy";
  mesh_view text = {(const uint8_t *)own->request->strategy, strlen(own->request->strategy)};
  own->code = strategy_read(&own->stop, own->schema, file, text, NULL, &own->strategy, &own->err);
}

static mesh_code check_strategy(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  training_host *host = self;
  Millrace__V1__CheckStrategyRequest *request =
      training_request_take(&millrace__v1__check_strategy_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  checking own = {.schema = host->schema, .request = request};
  training_pooled(host->pool, mesh_call_scope(call), &own.stop, do_check, &own);
  mesh_code code = own.code;
  if (code == GRPC_STATUS_OK) {
    code = send_report(call, own.strategy, err);
  } else {
    *err = own.err;
  }
  strategy_destroy(own.strategy);
  millrace__v1__check_strategy_request__free_unpacked(request, NULL);
  return code;
}

// ---- Status ----

static mesh_code status(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  (void)frame;
  const training_host *host = self;
  Millrace__V1__TrainingHostStatus out = MILLRACE__V1__TRAINING_HOST_STATUS__INIT;
  out.device = (char *)(uintptr_t)host->device;
  out.no_gpu = (char *)(uintptr_t)host->no_gpu;
  out.running = host->running;
  out.slots = host->options.slots;
  out.gpu = host->no_gpu[0] == '\0';
  out.cache_bytes = (int64_t)host->cache.bytes;
  out.cache_hits = host->cache.hits;
  out.cache_misses = host->cache.misses;
  char *operations[SLOTS_MAX];
  out.operations = operations;
  for (const training_run *one = host->runs; one != NULL && out.n_operations < SLOTS_MAX;
       one = one->next) {
    if (one->operation != NULL) {
      operations[out.n_operations++] = (char *)(uintptr_t)mesh_operation_name(one->operation);
    }
  }
  return mesh_message_send(call, &out.base, err);
}

// ---- the service ----

static mesh_code run(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return mesh_hosted_run(call, frame, &((training_host *)self)->hosted, err);
}

static mesh_code cancel(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return mesh_hosted_cancel(call, frame, &((training_host *)self)->hosted, err);
}

// Once, before anybody waits: a driver takes its time to look at a device. On a pool thread, whose
// stack is as large as a driver may want it.
static void look_for_gpu(void *arg) {
  training_host *host = arg;
  train_cuda_device device;
  mesh_error err;
  snprintf(host->device, sizeof host->device, "cpu");
  if (train_cuda_count(&host->no_gpu) == 0) return;
  if (train_cuda_describe(0, &device, &err) != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_WARN, "training-host", "%s", err.message);
    host->no_gpu = "its GPU cannot be used: the log says why";
    return;
  }
  mesh_text_format(host->device, sizeof host->device, "cuda:0 %s", device.name);
  host->no_gpu = "";
}

void training_host_init(training_host *host, mesh_loop *loop, const training_pools *pools,
                        mesh_link *backend, const mesh_schema *schema,
                        const training_host_options *options) {
  static const char *const documents[] = {"millrace.v1.CheckStrategyRequest.strategy", NULL};
  static const mesh_method methods[] = {
      {.name = "Run", .run = run, .while_draining = true},
      {.name = "Cancel", .run = cancel, .while_draining = true},
      {.name = "FetchModel", .run = fetch_model},
      {.name = "CheckStrategy", .run = check_strategy, .documents = documents},
      {.name = "Predict", .run = training_predict},
      {.name = "ExportModel", .run = training_export},
      {.name = "Status", .run = status},
  };
  *host = (training_host){
      .service = {"millrace.v1.TrainingHost", methods, sizeof methods / sizeof *methods, host},
      .options = *options,
      .loop = loop,
      .pool = pools->trainings,
      .aside = pools->aside,
      .backend = backend,
      .cache = {.source = {pools->trainings, backend, options->memory_bytes},
                .limit_bytes = (size_t)options->cache_bytes},
      .schema = schema};
  mesh_hosted_kind kind = {"train", training_run_prepare, host};
  mesh_pool_run(host->pool, loop, look_for_gpu, host);
  mesh_hosted_init(&host->hosted, loop, "training-host", &kind);
}

void training_host_fini(training_host *host) {
  mesh_hosted_fini(&host->hosted);
  series_cache_clear(&host->cache);
}
