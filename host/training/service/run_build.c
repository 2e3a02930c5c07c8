#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/cuda.h"
#include "host/training/service/run.h"
#include "mesh/runtime/text.h"

// ---- the strategy ----

static mesh_code check_epochs(const training_run *own, mesh_error *err) {
  int32_t epochs = own->request->epochs;
  if (epochs >= 0 && epochs <= STRATEGY_EPOCHS_MAX) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "epochs is %d: use 0 to %d", epochs,
                   STRATEGY_EPOCHS_MAX);
}

mesh_code training_run_read_strategy(training_run *own, mesh_error *err) {
  const Millrace__V1__TrainRequest *request = own->request;
  strategy_overrides overrides = {.symbols = (const char *const *)request->symbols,
                                  .symbol_count = request->n_symbols,
                                  .timeframes = (const char *const *)request->timeframes,
                                  .timeframe_count = request->n_timeframes};
  mesh_view text = {(const uint8_t *)request->strategy, strlen(request->strategy)};
  const char *file = request->file[0] != '\0' ? request->file : "strategy";
  mesh_code code = check_epochs(own, err);
  if (code != GRPC_STATUS_OK) return code;
  code = strategy_read(&own->stop, own->host->schema, file, text, &overrides, &own->strategy, err);
  if (code != GRPC_STATUS_OK) return code;
  if (request->epochs > 0) own->strategy->learning.epochs = request->epochs;
  return GRPC_STATUS_OK;
}

// ---- rows ----

static mesh_code build_rows(training_run *own, mesh_error *err) {
  const strategy *strategy = own->strategy;
  int count = strategy->symbol_count * strategy->timeframe_count;
  train_bars *bars = calloc((size_t)count, sizeof *bars);
  if (bars == NULL) abort();
  int64_t base_bars = 0;
  for (int i = 0; i < count; i++) {
    bars[i] = series_bars(&own->series[i]);
    if (i % strategy->timeframe_count == strategy->base) base_bars += (int64_t)bars[i].count;
  }
  int64_t needed = dataset_bytes(strategy, bars), limit = own->host->options.memory_bytes;
  mesh_code code = GRPC_STATUS_OK;
  if (limit > 0 && needed > limit) {
    code = mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                     "%lld bars with %d features need %lld MiB: this host gives a training %lld",
                     (long long)base_bars, strategy->feature_count, (long long)needed >> 20,
                     (long long)limit >> 20);
  }
  bool zero = own->request->warmup == MILLRACE__V1__TRAIN_REQUEST__WARMUP__ZERO;
  if (code == GRPC_STATUS_OK)
    code = dataset_build(&own->stop, strategy, bars, zero, &own->data, err);
  free(bars);
  return code;
}

// ---- the engine ----

static bool wants_bf16(const training_run *own) {
  return strcmp(own->request->precision, "bf16") == 0;
}

static mesh_code create_on_cpu(training_run *own, const train_setup *setup, mesh_error *err) {
  train_cpu_options options = {
      .threads = own->host->options.threads,
      .products = wants_bf16(own) ? TRAIN_PRODUCTS_BF16 : TRAIN_PRODUCTS_BEST};
  int64_t needed = (int64_t)train_cpu_bytes(setup, &options),
          limit = own->host->options.memory_bytes;
  if (limit > 0 && needed > limit) {
    return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                     "a network of %zu parameters with batches of %d rows needs %lld MiB: this "
                     "host gives a training %lld",
                     train_network_parameter_count(&setup->network), setup->batch_rows,
                     (long long)needed >> 20, (long long)limit >> 20);
  }
  mesh_code code = train_cpu_create(setup, &options, &own->engine, err);
  if (code == GRPC_STATUS_UNAVAILABLE) {  // not a host that is away: one that cannot
    code = mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "precision bf16: %.*s",
                     MESH_TEXT_SHOWN(err->message, 200));
  }
  return code;
}

static train_setup setup_of(const training_run *own) {
  return (train_setup){.network = trainer_network(own->strategy, own->data),
                       .optimizer = own->strategy->learning.optimizer,
                       .seed = own->request->seed,
                       .batch_rows = own->strategy->learning.batch_rows};
}

static void tell_fallback(training_run *own, char note[TRAINING_TEXT_MAX], const mesh_error *why) {
  own->gpu_failed = why->code == GRPC_STATUS_INTERNAL;
  mesh_text_format(note, TRAINING_TEXT_MAX, "on the CPU, since CUDA has failed: %.*s",
                   MESH_TEXT_SHOWN(why->message, 200));
}

// A GPU where one is asked for or, without a wish, where there is one that takes the network.
static mesh_code create_engine(training_run *own, char note[TRAINING_TEXT_MAX], mesh_error *err) {
  train_setup setup = setup_of(own);
  const char *device = own->request->device;
  bool any = device[0] == '\0';
  if (strcmp(device, "cpu") == 0 || (any && wants_bf16(own))) {
    return create_on_cpu(own, &setup, err);
  }
  if (own->no_gpu[0] != '\0') {
    if (any) return create_on_cpu(own, &setup, err);
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "device cuda: %s", own->no_gpu);
  }
  mesh_code code =
      train_cuda_create(&setup, 0, (size_t)own->host->options.gpu_memory_bytes, &own->engine, err);
  own->on_gpu = code == GRPC_STATUS_OK;
  if (code == GRPC_STATUS_OK || !any) return code;
  tell_fallback(own, note, err);
  return create_on_cpu(own, &setup, err);
}

static mesh_code create_trainer(training_run *own, mesh_error *err) {
  trainer_setup setup = {.strategy = own->strategy,
                         .data = own->data,
                         .engine = own->engine,
                         .seed = own->request->seed,
                         .epochs = own->strategy->learning.epochs};
  return trainer_create(&setup, &own->trainer, err);
}

// A GPU may take the network and not the rows.
static mesh_code fall_back(training_run *own, char note[TRAINING_TEXT_MAX], mesh_error *err) {
  train_setup setup = setup_of(own);
  tell_fallback(own, note, err);
  train_engine_destroy(own->engine);
  own->engine = NULL;
  own->on_gpu = false;
  mesh_code code = create_on_cpu(own, &setup, err);
  return code == GRPC_STATUS_OK ? create_trainer(own, err) : code;
}

// ---- going on ----

// The checkpoint that the manager knows; if its file is lost, the newest that is here.
static mesh_code find_checkpoint(training_run *own, mesh_bytes *out, char note[TRAINING_TEXT_MAX],
                                 mesh_error *err) {
  const char *directory = own->host->options.directory;
  mesh_code code = checkpoints_read(directory, own->resume_from, out, err);
  if (code == GRPC_STATUS_OK) return code;
  mesh_text_format(note, TRAINING_TEXT_MAX,
                   "the last checkpoint is lost (%.*s): an older one is used",
                   MESH_TEXT_SHOWN(err->message, 150));
  char operation[CHECKPOINT_NAME_MAX];
  mesh_text_format(operation, sizeof operation, "%.*s", (int)strcspn(own->resume_from, "/"),
                   own->resume_from);
  return checkpoints_read_newest(directory, operation, out, err);
}

static mesh_code restore(training_run *own, char note[TRAINING_TEXT_MAX], mesh_error *err) {
  mesh_bytes file;
  if (own->resume_from[0] == '\0') return GRPC_STATUS_OK;
  if (find_checkpoint(own, &file, note, err) != GRPC_STATUS_OK) {
    mesh_text_format(note, TRAINING_TEXT_MAX, "no checkpoint is left (%.*s): training begins again",
                     MESH_TEXT_SHOWN(err->message, 150));
    return GRPC_STATUS_OK;
  }
  tensors *read;
  mesh_code code = tensors_read(&own->stop, mesh_bytes_view(file), &read, err);
  if (code == GRPC_STATUS_OK) {
    code = trainer_restore(own->trainer, read, err);
    tensors_destroy(read);
  }
  free(file.data);
  if (code != GRPC_STATUS_OK) return mesh_error_prefix(err, "checkpoint");
  trainer_progress at = trainer_progress_of(own->trainer);
  own->saved_step = at.step;
  own->saved_epoch = at.epoch;
  while (trainer_epoch_at(own->trainer, own->reported) != NULL)
    own->reported++;  // before the checkpoint
  return code;
}

mesh_code training_run_build(training_run *own, char note[TRAINING_TEXT_MAX], mesh_error *err) {
  mesh_code code = build_rows(own, err);
  if (code == GRPC_STATUS_OK) code = create_engine(own, note, err);
  if (code != GRPC_STATUS_OK) return code;
  code = create_trainer(own, err);
  if (code != GRPC_STATUS_OK && own->on_gpu && own->request->device[0] == '\0') {
    code = fall_back(own, note, err);
  }
  own->saved_epoch = 1;
  return code == GRPC_STATUS_OK ? restore(own, note, err) : code;
}

mesh_code training_run_save(training_run *own, mesh_error *err) {
  tensors *file = tensors_create();
  mesh_code code = tensors_note(file, "operation", mesh_operation_name(own->operation), err);
  if (code == GRPC_STATUS_OK) code = trainer_save(own->trainer, file, err);
  if (code == GRPC_STATUS_OK) {
    mesh_bytes bytes;
    tensors_pack(file, &bytes);
    code = checkpoints_write(own->host->options.directory, mesh_operation_name(own->operation),
                             trainer_progress_of(own->trainer).step, mesh_bytes_view(bytes),
                             own->checkpoint, err);
    own->file_failed = code != GRPC_STATUS_OK;
    free(bytes.data);
  }
  tensors_destroy(file);
  return code;
}
