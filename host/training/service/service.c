#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/cuda.h"
#include "host/training/service/host.h"
#include "host/training/service/predict.h"
#include "host/training/service/run.h"
#include "host/training/service/send_file.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/training_host.pb-c.h"

enum { ABOUT_MAX = 64 << 20, SLOTS_MAX = 64 };

// ---- files ----

typedef struct fetching {
  training_host *host;
  const char *operation;
  mesh_bytes file, about;
  mesh_code code;
  mesh_error err;
} fetching;

static void do_fetch(void *arg) {
  fetching *own = arg;
  char path[4096];
  const char *directory = own->host->options.directory;
  own->code = GRPC_STATUS_NOT_FOUND;
  if (checkpoints_model_path(directory, own->operation, ".safetensors", path, sizeof path)) {
    own->code = mesh_file_read_private(path, MODEL_BYTES_MAX, &own->file, &own->err);
  }
  if (own->code == GRPC_STATUS_OK &&
      checkpoints_model_path(directory, own->operation, ".about", path, sizeof path)) {
    own->code = mesh_file_read_private(path, ABOUT_MAX, &own->about, &own->err);
  }
  if (own->code == GRPC_STATUS_NOT_FOUND) {
    (void)mesh_fail(&own->err, own->code, "operation '%s' has left no model here", own->operation);
  }
}

static mesh_code fetch_model(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__FetchModelRequest *request = mesh_message_unpack(
      &millrace__v1__fetch_model_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return mesh_message_refuse("FetchModelRequest", err);
  fetching own = {.host = self, .operation = request->operation};
  mesh_pool_run(own.host->pool, own.host->loop, do_fetch, &own);
  if (own.code != GRPC_STATUS_OK) *err = own.err;
  if (own.code == GRPC_STATUS_OK) {
    Millrace__V1__Model *about =
        mesh_message_unpack(&millrace__v1__model__descriptor, own.about.data, own.about.size_bytes);
    own.code = about == NULL ? mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the model's file is damaged")
                             : training_send_file(call, mesh_bytes_view(own.file), about, err);
    if (about != NULL) millrace__v1__model__free_unpacked(about, NULL);
  }
  free(own.file.data);
  free(own.about.data);
  millrace__v1__fetch_model_request__free_unpacked(request, NULL);
  return own.code;
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

static mesh_code check_strategy(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__CheckStrategyRequest *request = mesh_message_unpack(
      &millrace__v1__check_strategy_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return mesh_message_refuse("CheckStrategyRequest", err);
  mesh_view text = {(const uint8_t *)request->strategy, strlen(request->strategy)};
  const char *file = request->file[0] != '\0' ? request->file : "strategy";
  strategy *read;
  mesh_code code = strategy_read(((training_host *)self)->schema, file, text, NULL, &read, err);
  if (code == GRPC_STATUS_OK) code = send_report(call, read, err);
  strategy_destroy(read);
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

void training_host_init(training_host *host, mesh_loop *loop, mesh_pool *pool, mesh_link *backend,
                        const mesh_schema *schema, const training_host_options *options) {
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
      .pool = pool,
      .backend = backend,
      .cache = {.limit_bytes = (size_t)options->cache_bytes},
      .schema = schema};
  mesh_hosted_kind kind = {"train", training_run_prepare, host};
  mesh_pool_run(pool, loop, look_for_gpu, host);
  mesh_hosted_init(&host->hosted, loop, "training-host", &kind);
}

void training_host_fini(training_host *host) {
  mesh_hosted_fini(&host->hosted);
  series_cache_clear(&host->cache);
}
