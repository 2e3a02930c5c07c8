// What the files of trainer share. Calls go one way: trainer.c and save.c call epoch.c, which calls
// look.c and order.c.
#ifndef MILLRACE_HOST_TRAINING_TRAINER_INTERNAL_H
#define MILLRACE_HOST_TRAINING_TRAINER_INTERNAL_H

#include "host/training/trainer/trainer.h"

// Numbers that a checkpoint keeps, beside the engine's state and the epochs.
typedef struct trainer_numbers {
  // Of the epoch that runs.
  double loss_sum, seconds;
  // The schedule's and the early stop's.
  double learning_rate, best_value, stop_value, plateau_value;
} trainer_numbers;

typedef struct trainer_counts {
  int64_t epoch;          // epochs that have ended
  int64_t done, correct;  // rows of the epoch that runs
  int64_t best_epoch;     // from 1; 0: none yet
  int64_t waited, plateau_waited, stopped_early;
} trainer_counts;

struct trainer {
  trainer_setup setup;
  train_network network;  // the strategy's, with class weights
  train_rows rows;        // of training
  train_state state;
  float *best;      // (parameters)
  uint32_t *order;  // (rows) of the epoch that runs, once it is `shuffled`
  bool shuffled;
  float *outputs;  // of an evaluation, a piece at a time
  trainer_numbers numbers;
  trainer_counts counts;
  trainer_epoch *epochs;  // counts.epoch of them
  double *saved_epochs;   // as the last save had them
  size_t slice_rows;      // at a time, a multiple of the batch
};

// True once every epoch has ended, or it has stopped early.
bool trainer_is_finished(const trainer *own);

// Fills `order` for the epoch that runs, unless it is there: a permutation that depends on seed and
// epoch alone. False if it was asked to stop before it was there.
bool trainer_shuffle(trainer *own, train_stop *stop);

// After an epoch: what it means for the learning rate, the best weights and the end. CANCELLED: it
// was asked to stop before that was known; the epoch has not ended.
mesh_code trainer_end_epoch(trainer *own, train_stop *stop, mesh_error *err);

#endif
