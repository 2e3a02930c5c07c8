#include "host/training/service/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/model/model.h"
#include "host/training/service/host.h"
#include "host/training/service/live.h"
#include "host/training/service/pooled.h"
#include "host/training/service/send_file.h"
#include "host/training/service/series.h"
#include "market/timeframe.h"
#include "market/times.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/training_host.pb-c.h"
#include "requests/training.h"

// Markets close for up to a week or so; ten bars are near each other whatever their length.
enum { DAY_S = 86400, GAP_USUAL_S = 14 * DAY_S, GAP_BARS = 10, GAP_TEXT_MAX = 192 };

// ---- the model ----

static mesh_code take_chunk(mesh_bytes *file, mesh_frame frame, mesh_error *err) {
  Millrace__V1__FileChunk *chunk =
      mesh_message_unpack(&millrace__v1__file_chunk__descriptor, frame.data, frame.size_bytes);
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
static mesh_code read_file(mesh_call *caller, const training_host *host, char *name, int version,
                           mesh_bytes *file, mesh_error *err) {
  Millrace__V1__ModelRequest request = MILLRACE__V1__MODEL_REQUEST__INIT;
  mesh_call *call;
  mesh_frame frame;
  request.name = name;
  request.version = version;
  mesh_code code =
      mesh_message_open(mesh_call_scope(caller), host->backend, "/millrace.v1.ModelsService/Read",
                        &request.base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    code = take_chunk(file, frame, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  return code;
}

// A model on its way from its file to what is asked for.
typedef struct using {
  training_host *host;
  train_stop stop;
  mesh_bytes file;  // owned, as the model
  model *model;
  mesh_code code;
  mesh_error err;
}
using;

static void do_read(void *arg) {
  using *own = arg;
  own->code =
      model_read(&own->stop, own->host->schema, mesh_bytes_view(own->file), &own->model, &own->err);
  free(own->file.data);
  own->file = (mesh_bytes){0};
}

static mesh_code run_aside(mesh_call *call, using *own, void (*work)(void *arg), void *arg,
                           mesh_error *err) {
  training_pooled(own->host->aside, mesh_call_scope(call), &own->stop, work, arg);
  if (own->code != GRPC_STATUS_OK) *err = own->err;
  return own->code;
}

static mesh_code read_model(mesh_call *call, using *own, char *name, int version, mesh_error *err) {
  mesh_code code = read_file(call, own->host, name, version, &own->file, err);
  return code == GRPC_STATUS_OK ? run_aside(call, own, do_read, own, err) : code;
}

// ---- predicting ----

typedef struct predicting {
  using base;  // with the model
  const Millrace__V1__PredictRequest *request;
  const char *symbol;
  char source[SERIES_SOURCE_MAX];  // whose the stored bars are
  bar_columns *series;             // by timeframe; this and the rest are owned
  train_engine *engine;            // with the model's weights
  size_t first, end;               // base bars that are predicted
  size_t stored;                   // base bars that are no live ones
  int64_t from_s;                  // and told, from this time on
  float *features;                 // of all base bars
  float *outputs;                  // of those that are predicted
  size_t *whole, whole_count;      // those of them that have all their features
} predicting;

static const bar_columns *base_of(const predicting *own) {
  return &own->series[own->base.model->strategy->base];
}

static mesh_code check_memory(const training_host *host, int64_t needed, const char *what,
                              mesh_error *err) {
  int64_t limit = host->options.memory_bytes;
  if (limit == 0 || needed <= limit) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                   "%s need %lld MiB: this host gives a prediction %lld", what,
                   (long long)needed >> 20, (long long)limit >> 20);
}

static mesh_code make_engine(predicting *own, mesh_error *err) {
  const strategy *strategy = own->base.model->strategy;
  train_setup setup = {
      .network = strategy->network, .optimizer = strategy->learning.optimizer, .batch_rows = 1};
  train_cpu_options options = {.threads = 1};
  mesh_code code = check_memory(own->base.host, (int64_t)train_cpu_bytes(&setup, &options),
                                "the network's weights", err);
  if (code == GRPC_STATUS_OK) code = train_cpu_create(&setup, &options, &own->engine, err);
  if (code != GRPC_STATUS_OK) return code;
  train_state state;
  train_state_init(&state, &strategy->network, 0);
  memcpy(state.parameters, own->base.model->weights, own->base.model->weight_count * sizeof(float));
  code = train_engine_load(own->engine, &state, err);
  train_state_fini(&state);
  return code;
}

static void clear_numbers(predicting *own) {
  free(own->features);
  free(own->outputs);
  free(own->whole);
  own->features = own->outputs = NULL;
  own->whole = NULL;
  own->whole_count = 0;
}

static mesh_code compute_features(predicting *own, mesh_error *err) {
  const model *model = own->base.model;
  train_bars bars[STRATEGY_TIMEFRAMES_MAX];
  for (int i = 0; i < model->strategy->timeframe_count; i++)
    bars[i] = series_bars(&own->series[i]);
  mesh_code code = check_memory(own->base.host, dataset_features_bytes(model->strategy, bars),
                                "the features of these bars", err);
  if (code != GRPC_STATUS_OK) return code;
  return dataset_features(&own->base.stop, model->strategy, bars, model->zero, &model->scaling,
                          &own->features, err);
}

static mesh_code compute_outputs(predicting *own, mesh_error *err) {
  const train_network *network = &own->base.model->strategy->network;
  size_t inputs = (size_t)network->inputs, outputs = (size_t)network->outputs;
  size_t piece = train_predict_piece(network);
  own->outputs = calloc((own->end - own->first) * outputs + 1, sizeof *own->outputs);
  if (own->outputs == NULL) abort();
  mesh_code code = GRPC_STATUS_OK;
  for (size_t at = own->first; at < own->end && code == GRPC_STATUS_OK; at += piece) {
    size_t count = own->end - at < piece ? own->end - at : piece;
    code = train_stop_check(&own->base.stop, err);
    if (code != GRPC_STATUS_OK) break;
    code = train_engine_predict(own->engine, own->features + at * inputs, count,
                                own->outputs + (at - own->first) * outputs, err);
  }
  return code;
}

static mesh_code find_whole(predicting *own, mesh_error *err) {
  const bar_columns *base = base_of(own);
  size_t inputs = (size_t)own->base.model->strategy->feature_count, done = 0;
  own->whole = calloc(own->end - own->first + 1, sizeof *own->whole);
  if (own->whole == NULL) abort();
  for (size_t i = own->first; i < own->end && train_goes_on(&own->base.stop, &done, inputs); i++) {
    bool whole = base->times[i] >= own->from_s;
    for (size_t f = 0; f < inputs && whole; f++)
      whole = isfinite(own->features[i * inputs + f]);
    if (whole) own->whole[own->whole_count++] = i;
  }
  return train_stop_check(&own->base.stop, err);
}

// On a pool thread: features of all bars, since indicators need those before the window; then the
// network, from base bar `first` on.
static void compute(void *arg) {
  predicting *own = arg;
  mesh_error *err = &own->base.err;
  clear_numbers(own);
  mesh_code code = own->engine == NULL ? make_engine(own, err) : GRPC_STATUS_OK;
  if (code == GRPC_STATUS_OK) code = compute_features(own, err);
  if (code == GRPC_STATUS_OK) code = compute_outputs(own, err);
  if (code == GRPC_STATUS_OK) code = find_whole(own, err);
  own->base.code = code;
}

static mesh_code run_compute(mesh_call *call, predicting *own, mesh_error *err) {
  return run_aside(call, &own->base, compute, own, err);
}

// ---- signals ----

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

// Says so where the first live bar comes long after the last stored one: the gateway has nothing
// between them (else it would have to be loaded first), and indicators take them for neighbours.
static void warn_of_gap(const predicting *own, size_t row, char out[GAP_TEXT_MAX]) {
  const strategy *strategy = own->base.model->strategy;
  const bar_columns *base = base_of(own);
  char stored[TIMES_TEXT_MAX];
  out[0] = '\0';
  if (row != own->stored || row == 0) return;
  int64_t usual_s = GAP_BARS * timeframe_seconds(strategy->timeframes[strategy->base]);
  int64_t between_s = mesh_time_between(base->times[row - 1], base->times[row]);
  if (between_s <= (usual_s > GAP_USUAL_S ? usual_s : GAP_USUAL_S)) return;
  times_format(base->times[row - 1], stored);
  snprintf(out, GAP_TEXT_MAX,
           "the last bar before the live ones is of %s, %lld days before them: what the model says "
           "of them is worth little",
           stored, (long long)(between_s / DAY_S));
}

static mesh_code send_signal(mesh_call *call, const predicting *own, size_t row, bool forming,
                             mesh_error *err) {
  const strategy *strategy = own->base.model->strategy;
  const bar_columns *base = base_of(own);
  Millrace__V1__Signal signal = MILLRACE__V1__SIGNAL__INIT;
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  double chances[TRAIN_CLASSES];
  char warning[GAP_TEXT_MAX];
  size_t outputs = (size_t)strategy->network.outputs;
  const float *output = own->outputs + (row - own->first) * outputs;
  time.seconds = base->times[row];
  signal.time = &time;
  signal.close = base->close[row];
  signal.n_outputs = outputs;
  signal.outputs = chances;
  signal.forming = forming;
  warn_of_gap(own, row, warning);
  signal.warning = warning;
  signal.source = (char *)own->source;
  if (outputs == 1) {
    chances[0] = (double)output[0];
  } else {
    signal.signal = decide(strategy, output, chances);
  }
  return mesh_message_send(call, &signal.base, err);
}

// The rows that have all their features. The newest bar still forms unless `ended`.
static mesh_code send_signals(mesh_call *call, const predicting *own, bool ended, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (size_t i = 0; i < own->whole_count && code == GRPC_STATUS_OK; i++) {
    size_t row = own->whole[i];
    code = send_signal(call, own, row, !ended && row + 1 == base_of(own)->count, err);
  }
  return code;
}

// ---- stored bars ----

// Indicators need the bars before the window: all of them are read.
static mesh_code read_bars(mesh_call *call, predicting *own, mesh_error *err) {
  const strategy *strategy = own->base.model->strategy;
  series_window window = {.from_s = INT64_MIN,
                          .to_s = own->request->to != NULL ? own->request->to->seconds : INT64_MAX};
  own->series = calloc((size_t)strategy->timeframe_count, sizeof *own->series);
  if (own->series == NULL) abort();
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < strategy->timeframe_count && code == GRPC_STATUS_OK; i++) {
    series_name name = {.symbol = own->symbol, .timeframe = strategy->timeframes[i]};
    mesh_text_copy(name.source, sizeof name.source, own->request->source);
    code = series_cache_read(&own->base.host->cache, mesh_call_scope(call), &name, &window,
                             &own->series[i], err);
    if (i == strategy->base) memcpy(own->source, name.source, sizeof own->source);
  }
  return code;
}

static mesh_code predict_stored(mesh_call *call, predicting *own, mesh_error *err) {
  mesh_code code = read_bars(call, own, err);
  if (code != GRPC_STATUS_OK) return code;
  size_t count = base_of(own)->count, last = (size_t)own->request->last;
  own->from_s = own->request->from != NULL ? own->request->from->seconds : INT64_MIN;
  own->first = last > 0 && last < count ? count - last : 0;
  own->end = own->stored = count;
  code = run_compute(call, own, err);
  return code == GRPC_STATUS_OK ? send_signals(call, own, true, err) : code;
}

// ---- live bars ----

// False if a longer bar has ended within this base bar and its end is not known yet: its stream is
// another one, and may be a moment behind.
static bool is_settled(const predicting *own, size_t row) {
  const strategy *strategy = own->base.model->strategy;
  int64_t begin_s = base_of(own)->times[row];
  int64_t end_s = begin_s + timeframe_seconds(strategy->timeframes[strategy->base]);
  for (int i = 0; i < strategy->timeframe_count; i++) {
    const bar_columns *other = &own->series[i];
    if (i == strategy->base || other->count == 0) continue;
    int64_t ends_s = other->times[other->count - 1] + timeframe_seconds(strategy->timeframes[i]);
    if (ends_s > begin_s && ends_s <= end_s) return false;
  }
  return true;
}

// What is newer than `sent_s`: bars that have ended, since the next one has begun, then the one
// that forms.
static void choose_rows(predicting *own, int64_t sent_s) {
  const bar_columns *base = base_of(own);
  own->first = own->end = base->count;
  while (own->first > 0 && base->times[own->first - 1] > sent_s)
    own->first--;
  for (size_t row = own->first; row + 1 < base->count && own->end == base->count; row++) {
    if (!is_settled(own, row)) own->end = row;
  }
}

// Signals of what is newer than `sent_s`, the last stored bar: of each bar when it has ended, and
// of the newest whenever there is news of it.
static mesh_code follow(mesh_call *call, predicting *own, live *bars, int64_t sent_s,
                        mesh_error *err) {
  for (;;) {
    mesh_code code = live_take(bars, err);
    if (code != GRPC_STATUS_OK) return code;
    choose_rows(own, sent_s);
    if (own->first == own->end) continue;
    code = run_compute(call, own, err);
    if (code == GRPC_STATUS_OK) code = send_signals(call, own, false, err);
    if (code != GRPC_STATUS_OK) return code;
    size_t ended = own->end < base_of(own)->count ? own->end : base_of(own)->count - 1;
    if (ended > own->first) sent_s = base_of(own)->times[ended - 1];
  }
}

// Until the caller goes, or this host leaves.
static mesh_code predict_live(mesh_call *call, predicting *own, mesh_error *err) {
  mesh_scope *scope = mesh_call_drain_scope(call);
  const strategy *strategy = own->base.model->strategy;
  const bar_columns *base = base_of(own);
  live bars;
  for (int i = 0; i < strategy->timeframe_count; i++) {
    if (own->series[i].count > 0) continue;
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "no bar of %s %s is stored", own->symbol,
                     strategy->timeframes[i]);
  }
  own->from_s = INT64_MIN;
  live_open(&bars, scope, &own->base.host->cache.source, own->symbol, own->source,
            own->base.model->strategy, own->series);
  mesh_code code = follow(call, own, &bars, base->times[base->count - 1], err);
  live_close(&bars);
  return scope->code == GRPC_STATUS_UNAVAILABLE ? mesh_fail_draining(err, "training-host") : code;
}

// ---- the methods ----

static mesh_code predict(mesh_call *call, predicting *own, mesh_error *err) {
  const Millrace__V1__PredictRequest *request = own->request;
  mesh_code code = read_model(call, &own->base, request->name, request->version, err);
  if (code != GRPC_STATUS_OK) return code;
  own->symbol =
      request->symbol[0] != '\0' ? request->symbol : own->base.model->strategy->symbols[0];
  code = predict_stored(call, own, err);
  return code == GRPC_STATUS_OK && request->live ? predict_live(call, own, err) : code;
}

static void release_using(using *own) {
  model_destroy(own->model);
  free(own->file.data);
}

// On a pool thread: to give much memory back takes its time.
static void release(void *arg) {
  predicting *own = arg;
  for (int i = 0; own->series != NULL && i < own->base.model->strategy->timeframe_count; i++)
    bar_columns_clear(&own->series[i]);
  free(own->series);
  clear_numbers(own);
  train_engine_destroy(own->engine);
  release_using(&own->base);
}

mesh_code training_predict(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  training_host *host = self;
  Millrace__V1__PredictRequest *request =
      training_request_take(&millrace__v1__predict_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  predicting own = {.base.host = host, .request = request};
  mesh_code code = predict(call, &own, err);
  mesh_pool_run(host->aside, host->loop, release, &own);
  millrace__v1__predict_request__free_unpacked(request, NULL);
  return code;
}

// ---- another format ----

static void do_export(void *arg) {
  using *own = arg;
  own->code = model_to_onnx(&own->stop, own->model, &own->file, &own->err);
}

static void release_export(void *arg) {
  release_using(arg);
}

mesh_code training_export(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  training_host *host = self;
  Millrace__V1__ModelRequest *request =
      training_request_take(&millrace__v1__model_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  using own = {.host = host};
  mesh_code code = read_model(call, &own, request->name, request->version, err);
  if (code == GRPC_STATUS_OK) code = run_aside(call, &own, do_export, &own, err);
  if (code == GRPC_STATUS_OK) {
    code = training_send_file(call, mesh_bytes_view(own.file), (mesh_view){0}, err);
  }
  mesh_pool_run(host->aside, host->loop, release_export, &own);
  millrace__v1__model_request__free_unpacked(request, NULL);
  return code;
}
