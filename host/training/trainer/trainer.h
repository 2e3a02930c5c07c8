// trainer: the training loop: epochs of shuffled batches on an engine, learning-rate schedule,
// early stopping, best weights, metrics. It advances in slices, so that whoever drives it can show
// progress, save it, or stop between two steps. Blocks: one thread at a time, any.
#ifndef MILLRACE_HOST_TRAINING_TRAINER_TRAINER_H
#define MILLRACE_HOST_TRAINING_TRAINER_TRAINER_H

#include "host/training/dataset/dataset.h"
#include "host/training/engine/engine.h"
#include "host/training/model/tensors.h"

typedef struct trainer trainer;

typedef struct trainer_class {
  int64_t rows;
  double precision, recall, f1;
} trainer_class;

typedef struct trainer_metrics {
  int64_t rows;  // 0: there are none
  double loss, accuracy;
  trainer_class classes[TRAIN_CLASSES];  // zeros where labels are numbers, and in `train`
} trainer_metrics;

typedef struct trainer_epoch {
  int epoch;  // from 1
  trainer_metrics train, validation;
  double learning_rate, samples_per_s;
  bool best;
  int64_t step;  // optimiser steps so far
  int waited;    // epochs without enough progress
} trainer_epoch;

typedef enum trainer_state {
  TRAINER_RUNNING,   // the slice is over, or stop was set
  TRAINER_EPOCH,     // an epoch has ended: trainer_last_epoch()
  TRAINER_FINISHED,  // nothing is left to do
} trainer_state;

typedef struct trainer_setup {
  const strategy *strategy;  // these three are borrowed
  const dataset *data;
  train_engine *engine;
  uint64_t seed;
  int epochs;
} trainer_setup;

// The weight of each class in the loss, for the engine's network: strategy->network with `balanced`
// class weights filled in from the data, where the strategy asks for them.
train_network trainer_network(const strategy *strategy, const dataset *data);

// Prepares the beginning: initialized weights, in the engine. RESOURCE_EXHAUSTED: the data does not
// fit the device. On OK release *out with trainer_destroy().
MESH_NODISCARD mesh_code trainer_create(const trainer_setup *setup, trainer **out, mesh_error *err);

// Frees what it owns; what the setup named stays. NULL is fine.
void trainer_destroy(trainer *own);

// Trains until `until_ns` (monotonic), the end of the epoch, or `stop` (may be NULL). OUT_OF_RANGE:
// the loss is no number any more; says at which step.
MESH_NODISCARD mesh_code trainer_advance(trainer *own, int64_t until_ns, train_stop *stop,
                                         trainer_state *state, mesh_error *err);

typedef struct trainer_progress {
  int epoch, epochs;        // the one that runs, from 1
  int64_t rows_done, rows;  // of all epochs
  int64_t step, steps;
  double samples_per_s;   // of this epoch so far
  double loss, accuracy;  // of this epoch so far; NaN before its first step
} trainer_progress;

// How far it is, copied.
trainer_progress trainer_progress_of(const trainer *own);

// The epochs so far: index 0, 1, ...; NULL after the last.
const trainer_epoch *trainer_epoch_at(const trainer *own, size_t index);

// The newest of them; NULL before the first has ended.
const trainer_epoch *trainer_last_epoch(const trainer *own);

// After the end: the best weights are loaded into the engine and given out (valid until the
// destroy), with their number and the epoch (from 1) that had them.
MESH_NODISCARD mesh_code trainer_conclude(trainer *own, const float **weights, size_t *count,
                                          int *best_epoch, mesh_error *err);

// True if the strategy's early stopping ended it.
bool trainer_stopped_early(const trainer *own);

// Metrics of the engine's present weights over a part. CANCELLED: `stop` (may be NULL) was asked
// to.
MESH_NODISCARD mesh_code trainer_evaluate(trainer *own, train_stop *stop, dataset_part part,
                                          trainer_metrics *out, mesh_error *err);

// Everything that going on bit for bit needs, into `out`; arrays stay the trainer's until its next
// advance. And back: DATA_LOSS, FAILED_PRECONDITION: it belongs to another network or other data.
MESH_NODISCARD mesh_code trainer_save(trainer *own, tensors *out, mesh_error *err);
MESH_NODISCARD mesh_code trainer_restore(trainer *own, const tensors *from, mesh_error *err);

#endif
