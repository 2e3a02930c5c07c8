#include "host/training/service/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/model/model.h"
#include "host/training/service/host.h"
#include "host/training/service/series.h"
#include "mesh/message.h"
#include "millrace/v1/training_host.pb-c.h"

// ---- the model ----

static mesh_code take_chunk(mesh_bytes *file, mesh_frame frame, mesh_error *err) {
  Millrace__V1__FileChunk *chunk =
      millrace__v1__file_chunk__unpack(NULL, frame.size_bytes, frame.data);
  if (chunk == NULL) return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed FileChunk");
  size_t size = chunk->data.len;
  mesh_code code = GRPC_STATUS_OK;
  if (file->size_bytes + size > MODEL_BYTES_MAX) {
    code = mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "the model has more than %d bytes",
                     MODEL_BYTES_MAX);
  } else {
    mesh_bytes_append(file, (mesh_view){chunk->data.data, size});
  }
  millrace__v1__file_chunk__free_unpacked(chunk, NULL);
  return code;
}

// Reads a model's file from the backend.
static mesh_code read_model(mesh_call *caller, training_host *host, char *name, int version,
                            model **out, mesh_error *err) {
  Millrace__V1__ModelRequest request = MILLRACE__V1__MODEL_REQUEST__INIT;
  mesh_bytes file = {0};
  mesh_call *call;
  mesh_frame frame;
  request.name = name;
  request.version = version;
  *out = NULL;
  mesh_code code =
      mesh_message_open(mesh_call_scope(caller), host->backend, "/millrace.v1.ModelsService/Read",
                        &request.base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    code = take_chunk(&file, frame, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  if (code == GRPC_STATUS_OK) code = model_read(host->schema, mesh_bytes_view(file), out, err);
  free(file.data);
  return code;
}

// ---- predicting ----

typedef struct predicting {
  training_host *host;
  const Millrace__V1__PredictRequest *request;
  model *model;
  series *series;  // by timeframe
  float *features, *outputs;
  mesh_code code;
  mesh_error err;
} predicting;

// On a pool thread: features, then the network.
static void compute(void *arg) {
  predicting *own = arg;
  const strategy *strategy = own->model->strategy;
  train_bars bars[STRATEGY_TIMEFRAMES_MAX];
  for (int i = 0; i < strategy->timeframe_count; i++)
    bars[i] = series_bars(&own->series[i]);
  size_t count = bars[strategy->base].count;
  own->code = dataset_features(strategy, bars, own->model->zero, &own->model->scaling,
                               &own->features, &own->err);
  if (own->code != GRPC_STATUS_OK) return;
  train_setup setup = {
      .network = strategy->network, .optimizer = strategy->learning.optimizer, .batch_rows = 1};
  train_cpu_options options = {.threads = 1};
  train_engine *engine;
  own->code = train_cpu_create(&setup, &options, &engine, &own->err);
  if (own->code != GRPC_STATUS_OK) return;
  train_state state;
  train_state_init(&state, &strategy->network, 0);
  memcpy(state.parameters, own->model->weights, own->model->weight_count * sizeof(float));
  own->outputs = calloc(count * (size_t)strategy->network.outputs + 1, sizeof *own->outputs);
  if (own->outputs == NULL) abort();
  own->code = train_engine_load(engine, &state, &own->err);
  if (own->code == GRPC_STATUS_OK) {
    own->code = train_engine_predict(engine, own->features, count, own->outputs, &own->err);
  }
  train_state_fini(&state);
  train_engine_destroy(engine);
}

// Softmax, and the name of the likeliest; below the strategy's confidence it is HOLD.
static char *decide(const strategy *strategy, const float *outputs, double chances[TRAIN_CLASSES]) {
  static char *const names[] = {"BUY", "HOLD", "SELL"};
  double most = -INFINITY, sum = 0;
  int likeliest = 0;
  for (int i = 0; i < TRAIN_CLASSES; i++) {
    if ((double)outputs[i] <= most) continue;
    most = (double)outputs[i];
    likeliest = i;
  }
  for (int i = 0; i < TRAIN_CLASSES; i++)
    sum += chances[i] = exp((double)outputs[i] - most);
  for (int i = 0; i < TRAIN_CLASSES; i++)
    chances[i] /= sum;
  return names[chances[likeliest] < strategy->confidence_threshold ? TRAIN_HOLD : likeliest];
}

static mesh_code send_signal(mesh_call *call, const predicting *own, size_t row, mesh_error *err) {
  const strategy *strategy = own->model->strategy;
  const series *base = &own->series[strategy->base];
  Millrace__V1__Signal signal = MILLRACE__V1__SIGNAL__INIT;
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  double chances[TRAIN_CLASSES];
  size_t outputs = (size_t)strategy->network.outputs;
  time.seconds = base->times[row];
  signal.time = &time;
  signal.close = base->close[row];
  signal.n_outputs = outputs;
  signal.outputs = chances;
  if (outputs == 1) {
    chances[0] = (double)own->outputs[row];
  } else {
    signal.signal = decide(strategy, own->outputs + row * outputs, chances);
  }
  return mesh_message_send(call, &signal.base, err);
}

// The rows that were asked for and have all their features.
static mesh_code send_signals(mesh_call *call, const predicting *own, mesh_error *err) {
  const strategy *strategy = own->model->strategy;
  const series *base = &own->series[strategy->base];
  size_t inputs = (size_t)strategy->feature_count;
  int64_t from_s = own->request->from != NULL ? own->request->from->seconds : INT64_MIN;
  size_t first = 0;
  if (own->request->last > 0 && (size_t)own->request->last < base->count) {
    first = base->count - (size_t)own->request->last;
  }
  mesh_code code = GRPC_STATUS_OK;
  for (size_t i = first; i < base->count && code == GRPC_STATUS_OK; i++) {
    bool whole = base->times[i] >= from_s;
    for (size_t f = 0; f < inputs && whole; f++)
      whole = isfinite(own->features[i * inputs + f]);
    if (whole) code = send_signal(call, own, i, err);
  }
  return code;
}

// Indicators need the bars before the window: all of them are read.
static mesh_code read_bars(mesh_call *call, predicting *own, mesh_error *err) {
  const strategy *strategy = own->model->strategy;
  const char *symbol =
      own->request->symbol[0] != '\0' ? own->request->symbol : strategy->symbols[0];
  series_window window = {.from_s = INT64_MIN,
                          .to_s = own->request->to != NULL ? own->request->to->seconds : INT64_MAX};
  own->series = calloc((size_t)strategy->timeframe_count, sizeof *own->series);
  if (own->series == NULL) abort();
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < strategy->timeframe_count && code == GRPC_STATUS_OK; i++) {
    code = series_read(mesh_call_scope(call), own->host->backend, symbol, strategy->timeframes[i],
                       &window, &own->series[i], err);
  }
  return code;
}

static mesh_code predict(mesh_call *call, predicting *own, mesh_error *err) {
  mesh_code code =
      read_model(call, own->host, own->request->name, own->request->version, &own->model, err);
  if (code == GRPC_STATUS_OK) code = read_bars(call, own, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_pool_run(own->host->pool, own->host->loop, compute, own);
  if (own->code != GRPC_STATUS_OK) {
    *err = own->err;
    return own->code;
  }
  return send_signals(call, own, err);
}

mesh_code training_predict(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__PredictRequest *request =
      millrace__v1__predict_request__unpack(NULL, frame.size_bytes, frame.data);
  if (request == NULL) return mesh_message_refuse("PredictRequest", err);
  predicting own = {.host = self, .request = request};
  mesh_code code = predict(call, &own, err);
  for (int i = 0; own.series != NULL && i < own.model->strategy->timeframe_count; i++)
    series_clear(&own.series[i]);
  free(own.series);
  free(own.features);
  free(own.outputs);
  model_destroy(own.model);
  millrace__v1__predict_request__free_unpacked(request, NULL);
  return code;
}

mesh_code training_export(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__ModelRequest *request =
      millrace__v1__model_request__unpack(NULL, frame.size_bytes, frame.data);
  if (request == NULL) return mesh_message_refuse("ModelRequest", err);
  model *read;
  mesh_code code = read_model(call, self, request->name, request->version, &read, err);
  if (code == GRPC_STATUS_OK) {
    mesh_bytes file;
    model_to_onnx(read, &file);
    code = training_send_file(call, mesh_bytes_view(file), NULL, err);
    free(file.data);
  }
  model_destroy(read);
  millrace__v1__model_request__free_unpacked(request, NULL);
  return code;
}
