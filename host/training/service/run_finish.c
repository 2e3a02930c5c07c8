#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/service/run.h"
#include "market/timeframe.h"
#include "mesh/program/private.h"
#include "mesh/program/version.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/text.h"

// ---- messages ----

void training_metrics_message(const trainer_metrics *from, bool classes, Millrace__V1__Metrics *out,
                              Millrace__V1__ClassMetrics storage[TRAIN_CLASSES],
                              Millrace__V1__ClassMetrics *list[TRAIN_CLASSES]) {
  static char *const names[] = {"BUY", "HOLD", "SELL"};
  millrace__v1__metrics__init(out);
  out->rows = from->rows;
  out->loss = from->loss;
  out->accuracy = from->accuracy;
  for (int i = 0; i < TRAIN_CLASSES && classes; i++) {
    millrace__v1__class_metrics__init(&storage[i]);
    storage[i].name = names[i];
    storage[i].rows = from->classes[i].rows;
    storage[i].precision = from->classes[i].precision;
    storage[i].recall = from->classes[i].recall;
    storage[i].f1 = from->classes[i].f1;
    list[i] = &storage[i];
  }
  out->n_classes = classes ? TRAIN_CLASSES : 0;
  out->classes = list;
}

void training_epoch_fill(const training_run *own, const trainer_epoch *from,
                         training_epoch_message *out) {
  const strategy_learning *how = &own->strategy->learning;
  Millrace__V1__EpochReport *report = &out->report;
  millrace__v1__epoch_report__init(report);
  training_metrics_message(&from->train, false, &out->train, NULL, NULL);
  training_metrics_message(&from->validation, own->data->classes != NULL, &out->validation,
                           out->classes, out->list);
  report->epoch = from->epoch;
  report->epochs = how->epochs;
  report->train = &out->train;
  report->validation = from->validation.rows > 0 ? &out->validation : NULL;
  report->learning_rate = from->learning_rate;
  report->samples_per_s = from->samples_per_s;
  report->best = from->best;
  report->step = from->step;
  report->waited = from->waited;
  report->patience = how->early_stopping ? how->patience : 0;
}

// ---- the result ----

// "A, B, C", cut where it is too long.
static void join(char out[TRAINING_TEXT_MAX], const char *text) {
  mesh_text_append(out, TRAINING_TEXT_MAX, "%s%s", out[0] != '\0' ? ", " : "", text);
}

static void fill_about(training_run *own, int best_epoch) {
  Millrace__V1__TrainResult *out = &own->result;
  const strategy *strategy = own->strategy;
  for (int i = 0; i < strategy->symbol_count; i++)
    join(own->symbols, strategy->symbols[i]);
  for (int i = 0; i < strategy->timeframe_count; i++)
    join(own->timeframes, strategy->timeframes[i]);
  out->model = own->strategy->name;
  out->symbols = own->symbols;
  out->timeframes = own->timeframes;
  out->features = strategy->feature_count;
  out->train_rows = (int64_t)dataset_rows(own->data, DATASET_TRAIN).count;
  out->validation_rows = (int64_t)dataset_rows(own->data, DATASET_VALIDATION).count;
  out->test_rows = (int64_t)dataset_rows(own->data, DATASET_TEST).count;
  out->epochs = trainer_last_epoch(own->trainer)->epoch;
  out->best_epoch = best_epoch;
  out->stopped_early = trainer_stopped_early(own->trainer);
  out->elapsed_s = (double)(mesh_now_ns() - own->began_ns) * 1e-9;
  out->samples_per_s = trainer_last_epoch(own->trainer)->samples_per_s;
  mesh_text_copy(own->device, sizeof own->device, own->engine->device);
  out->device = own->device;
  out->seed = own->request->seed;
}

// Metrics of the best weights, which are in the engine.
static mesh_code measure(training_run *own, mesh_error *err) {
  const dataset_part parts[] = {DATASET_VALIDATION, DATASET_TEST};
  Millrace__V1__Metrics **places[] = {&own->result.validation, &own->result.test};
  for (int i = 0; i < 2; i++) {
    trainer_metrics metrics;
    mesh_code code = trainer_evaluate(own->trainer, &own->stop, parts[i], &metrics, err);
    if (code != GRPC_STATUS_OK) return code;
    training_metrics_message(&metrics, own->data->classes != NULL, &own->metrics[i],
                             own->classes[i], own->class_lists[i]);
    *places[i] = metrics.rows > 0 ? &own->metrics[i] : NULL;
  }
  return GRPC_STATUS_OK;
}

static void summarise(training_run *own) {
  const Millrace__V1__TrainResult *result = &own->result;
  const Millrace__V1__Metrics *shown = result->test != NULL ? result->test : result->validation;
  char tested[80] = "";
  if (shown != NULL) {
    mesh_text_format(tested, sizeof tested, ", %s loss %.4f, accuracy %.1f %%",
                     result->test != NULL ? "test" : "validation", shown->loss,
                     100 * shown->accuracy);
  }
  mesh_text_format(own->summary, sizeof own->summary, "%d epochs%s, best %d%s, %.2f s",
                   result->epochs, result->stopped_early ? " (stopped early)" : "",
                   result->best_epoch, tested, result->elapsed_s);
}

// ---- the model's file ----

typedef struct about {
  Millrace__V1__Model message;
  char **features, **symbols, **timeframes;
  training_epoch_message *epochs;
  Millrace__V1__EpochReport **epoch_list;
  Millrace__V1__SeriesUsed *series, **series_list;
  Millrace__V1__Interval *windows;
  Google__Protobuf__Timestamp *times, created;
  char (*hashes)[MESH_SHA256_HEX];
} about;

static void *make(size_t count, size_t size) {
  void *made = calloc(count + 1, size);
  if (made == NULL) abort();
  return made;
}

static void name_features(about *out, const strategy *strategy) {
  out->features = make((size_t)strategy->feature_count, sizeof(char *));
  for (int i = 0; i < strategy->feature_count; i++)
    out->features[i] = strategy->features[i].name;
  out->symbols = make((size_t)strategy->symbol_count, sizeof(char *));
  for (int i = 0; i < strategy->symbol_count; i++)
    out->symbols[i] = (char *)(uintptr_t)strategy->symbols[i];
  out->timeframes = make((size_t)strategy->timeframe_count, sizeof(char *));
  for (int i = 0; i < strategy->timeframe_count; i++)
    out->timeframes[i] = (char *)(uintptr_t)strategy->timeframes[i];
  out->message.n_features = (size_t)strategy->feature_count;
  out->message.features = out->features;
  out->message.n_symbols = (size_t)strategy->symbol_count;
  out->message.symbols = out->symbols;
  out->message.n_timeframes = (size_t)strategy->timeframe_count;
  out->message.timeframes = out->timeframes;
}

static void list_epochs(about *out, const training_run *own) {
  size_t count = 0;
  while (trainer_epoch_at(own->trainer, count) != NULL)
    count++;
  out->epochs = make(count, sizeof *out->epochs);
  out->epoch_list = make(count, sizeof *out->epoch_list);
  for (size_t i = 0; i < count; i++) {
    training_epoch_fill(own, trainer_epoch_at(own->trainer, i), &out->epochs[i]);
    out->epoch_list[i] = &out->epochs[i].report;
  }
  out->message.n_epochs = count;
  out->message.epochs = out->epoch_list;
}

static void list_series(about *out, const training_run *own) {
  const strategy *strategy = own->strategy;
  size_t count = (size_t)strategy->symbol_count * (size_t)strategy->timeframe_count;
  out->series = make(count, sizeof *out->series);
  out->series_list = make(count, sizeof *out->series_list);
  out->windows = make(count, sizeof *out->windows);
  out->times = make(2 * count, sizeof *out->times);
  out->hashes = make(count, sizeof *out->hashes);
  for (size_t i = 0; i < count; i++) {
    const bar_columns *from = &own->series[i];
    Millrace__V1__SeriesUsed *used = &out->series[i];
    const char *timeframe = strategy->timeframes[i % (size_t)strategy->timeframe_count];
    millrace__v1__series_used__init(used);
    used->symbol = out->symbols[i / (size_t)strategy->timeframe_count];
    used->timeframe = (char *)(uintptr_t)timeframe;
    used->bars = (int64_t)from->count;
    used->source = own->names[i].source;
    series_hash(from, out->hashes[i]);
    used->sha256 = out->hashes[i];
    out->series_list[i] = used;
    if (from->count == 0) continue;
    millrace__v1__interval__init(&out->windows[i]);
    google__protobuf__timestamp__init(&out->times[2 * i]);
    google__protobuf__timestamp__init(&out->times[2 * i + 1]);
    out->times[2 * i].seconds = from->times[0];
    out->times[2 * i + 1].seconds = from->times[from->count - 1] + timeframe_seconds(timeframe);
    out->windows[i].from = &out->times[2 * i];
    out->windows[i].to = &out->times[2 * i + 1];
    used->window = &out->windows[i];
  }
  out->message.n_series = count;
  out->message.series = out->series_list;
}

static void describe(about *out, training_run *own) {
  millrace__v1__model__init(&out->message);
  name_features(out, own->strategy);
  list_epochs(out, own);
  list_series(out, own);
  google__protobuf__timestamp__init(&out->created);
  out->created.seconds = mesh_time_seconds(mesh_wall_ns());
  out->message.name = own->strategy->name;
  out->message.created = &out->created;
  out->message.operation = (char *)(uintptr_t)mesh_operation_name(own->operation);
  out->message.result = &own->result;
  out->message.strategy = own->request->strategy;
  out->message.warmup =
      own->request->warmup == MILLRACE__V1__TRAIN_REQUEST__WARMUP__ZERO ? "zero" : "drop";
  out->message.program = "millrace " MILLRACE_VERSION;
}

static void clear(about *own) {
  void *all[] = {own->features, own->symbols,     own->timeframes, own->epochs, own->epoch_list,
                 own->series,   own->series_list, own->windows,    own->times,  own->hashes};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
}

static mesh_code write_file(const training_run *own, const char *suffix, mesh_view bytes,
                            mesh_error *err) {
  char path[4096];
  const char *directory = own->host->options.directory;
  const char *operation = mesh_operation_name(own->operation);
  if (!checkpoints_model_path(directory, operation, suffix, path, sizeof path)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "operation '%s' cannot name files below %s",
                     operation, directory);
  }
  char *name = strrchr(path, '/');
  *name = '\0';
  mesh_code code = mesh_private_directory(path, err);
  *name = '/';
  if (code != GRPC_STATUS_OK) return code;
  return mesh_file_write(path, bytes, err);
}

// The file, and beside it what the backend keeps in its store: both are there, or the file is not.
static mesh_code write_model(training_run *own, const float *weights, mesh_error *err) {
  about what = {0};
  mesh_bytes file;
  describe(&what, own);
  mesh_code code = model_pack(own->host->schema, &what.message, &own->strategy->network, weights,
                              &own->data->scaling, &file, err);
  if (code != GRPC_STATUS_OK) {
    clear(&what);
    return code;
  }
  mesh_sha256(mesh_bytes_view(file), own->sha256);
  own->result.sha256 = own->sha256;
  own->result.bytes = (int64_t)file.size_bytes;
  mesh_bytes message = mesh_message_pack(&what.message.base);
  code = write_file(own, ".about", mesh_bytes_view(message), err);
  if (code == GRPC_STATUS_OK) code = write_file(own, ".safetensors", mesh_bytes_view(file), err);
  free(message.data);
  free(file.data);
  clear(&what);
  return code;
}

mesh_code training_run_finish(training_run *own, mesh_error *err) {
  const float *weights;
  size_t count;
  int best_epoch;
  millrace__v1__train_result__init(&own->result);
  mesh_code code = trainer_conclude(own->trainer, &weights, &count, &best_epoch, err);
  if (code == GRPC_STATUS_OK) code = measure(own, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_sha256((mesh_view){(const uint8_t *)weights, count * sizeof *weights}, own->weights_sha256);
  own->result.weights_sha256 = own->weights_sha256;
  own->result.parameters = (int64_t)count;
  fill_about(own, best_epoch);
  summarise(own);
  code = write_model(own, weights, err);
  own->unwritten = code == GRPC_STATUS_RESOURCE_EXHAUSTED;
  own->file_failed = code != GRPC_STATUS_OK;
  return code == GRPC_STATUS_OK ? code : mesh_error_prefix(err, "model");
}
