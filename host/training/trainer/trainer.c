#include "host/training/trainer/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/trainer/internal.h"
#include "mesh/runtime/loop.h"

// How long a slice of steps may take before the clock is looked at, in nanoseconds.
#define SLICE_NS INT64_C(4000000)

static void *make(size_t count, size_t size) {
  void *made = calloc(count + 1, size);
  if (made == NULL) abort();
  return made;
}

train_network trainer_network(const strategy *strategy, const dataset *data) {
  train_network network = strategy->network;
  if (!strategy->learning.balanced || data->classes == NULL) return network;
  double rows = (double)data->first[DATASET_VALIDATION];
  network.weighted = true;
  for (int i = 0; i < TRAIN_CLASSES; i++) {
    double present = (double)data->class_rows[i];
    network.class_weights[i] = present > 0 ? (float)(rows / (TRAIN_CLASSES * present)) : 1;
  }
  return network;
}

// ---- creation ----

mesh_code trainer_create(const trainer_setup *setup, trainer **out, mesh_error *err) {
  trainer *own = make(1, sizeof *own);
  *out = NULL;
  own->setup = *setup;
  own->network = trainer_network(setup->strategy, setup->data);
  own->rows = dataset_rows(setup->data, DATASET_TRAIN);
  train_state_init(&own->state, &setup->strategy->network, setup->seed);
  own->best = make(own->state.parameter_count, sizeof *own->best);
  own->order = make(own->rows.count, sizeof *own->order);
  own->epochs = make((size_t)setup->epochs, sizeof *own->epochs);
  own->slice_rows = (size_t)setup->strategy->learning.batch_rows;
  own->numbers.learning_rate = setup->strategy->learning.learning_rate;
  own->numbers.best_value = own->numbers.stop_value = own->numbers.plateau_value = INFINITY;
  mesh_code code = train_engine_attach(setup->engine, &own->rows, err);
  if (code == GRPC_STATUS_OK) code = train_engine_load(setup->engine, &own->state, err);
  if (code == GRPC_STATUS_OK) {
    *out = own;
  } else {
    trainer_destroy(own);
  }
  return code;
}

void trainer_destroy(trainer *own) {
  if (own == NULL) return;
  train_state_fini(&own->state);
  free(own->best);
  free(own->order);
  free(own->outputs);
  free(own->epochs);
  free(own->saved_epochs);
  free(own);
}

// ---- advancing ----

// Slices grow or shrink so that the clock is looked at often enough.
static void fit_slice(trainer *own, size_t rows, int64_t took_ns) {
  size_t batch = (size_t)own->setup.strategy->learning.batch_rows;
  if (took_ns < SLICE_NS / 2 && rows == own->slice_rows) own->slice_rows *= 2;
  if (took_ns > SLICE_NS * 2 && own->slice_rows > batch) {
    own->slice_rows = own->slice_rows / batch / 2 * batch;
    if (own->slice_rows < batch) own->slice_rows = batch;
  }
}

static mesh_code run_slice(trainer *own, train_stop *stop, bool *stopped, mesh_error *err) {
  trainer_counts *counts = &own->counts;
  size_t left = own->rows.count - (size_t)counts->done;
  train_run run = {.order = own->order + counts->done,
                   .count = left < own->slice_rows ? left : own->slice_rows,
                   .batch_rows = own->setup.strategy->learning.batch_rows,
                   .learning_rate = (float)own->numbers.learning_rate,
                   .stop = stop};
  train_ran ran = {0};
  int64_t began_ns = mesh_now_ns();
  mesh_code code = train_engine_run(own->setup.engine, &run, &ran, err);
  int64_t took_ns = mesh_now_ns() - began_ns;
  counts->done += (int64_t)ran.rows;
  counts->correct += ran.correct;
  own->state.step += ran.steps;
  own->numbers.loss_sum += ran.loss_sum;
  own->numbers.seconds += (double)took_ns * 1e-9;
  *stopped = ran.rows < run.count;
  fit_slice(own, ran.rows, took_ns);
  return code;
}

mesh_code trainer_advance(trainer *own, int64_t until_ns, train_stop *stop, trainer_state *state,
                          mesh_error *err) {
  *state = TRAINER_FINISHED;
  if (trainer_is_finished(own)) return GRPC_STATUS_OK;
  *state = TRAINER_RUNNING;
  if (!trainer_shuffle(own, stop)) return GRPC_STATUS_OK;
  bool stopped = false;
  while ((size_t)own->counts.done < own->rows.count) {
    mesh_code code = run_slice(own, stop, &stopped, err);
    if (code != GRPC_STATUS_OK) return code;
    if (stopped || mesh_now_ns() >= until_ns) break;
  }
  if ((size_t)own->counts.done < own->rows.count) return GRPC_STATUS_OK;
  mesh_code code = trainer_end_epoch(own, stop, err);
  if (code == GRPC_STATUS_CANCELLED) return GRPC_STATUS_OK;  // the epoch ends the next time
  *state = TRAINER_EPOCH;
  return code;
}

// ---- the end ----

mesh_code trainer_conclude(trainer *own, const float **weights, size_t *count, int *best_epoch,
                           mesh_error *err) {
  memcpy(own->state.parameters, own->best, own->state.parameter_count * sizeof *own->best);
  *weights = own->best;
  *count = own->state.parameter_count;
  *best_epoch = (int)own->counts.best_epoch;
  return train_engine_load(own->setup.engine, &own->state, err);
}
