// dataset: the rows that a network learns from: features and labels of every symbol, in the order
// of time, cut into training, validation and test. Read-only after it was built: any thread.
#ifndef MILLRACE_HOST_TRAINING_DATASET_DATASET_H
#define MILLRACE_HOST_TRAINING_DATASET_DATASET_H

#include "host/training/engine/engine.h"
#include "host/training/strategy/strategy.h"

typedef enum dataset_part {
  DATASET_TRAIN,
  DATASET_VALIDATION,
  DATASET_TEST,
  DATASET_PARTS
} dataset_part;

// How each feature becomes a number of order 1: (x - offset) * scale. Learned from training rows.
typedef struct dataset_scaling {
  double *offset, *scale;  // (features), owned
} dataset_scaling;

typedef struct dataset {
  size_t rows, first[DATASET_PARTS + 1];  // a part's rows are [first[part], first[part + 1])
  int inputs;
  float *features;   // (rows, inputs) row-major; this and the rest are owned
  uint8_t *classes;  // (rows); NULL where the labels are numbers
  float *numbers;    // (rows); NULL where they are classes
  int64_t *times;    // (rows) of the base timeframe's bars
  dataset_scaling scaling;
  int64_t class_rows[TRAIN_CLASSES];  // of the training part
} dataset;

// Builds it from `series`: the bars of symbol s and timeframe t at [s * timeframe_count + t].
// `zero`: missing values are 0 before they become memberships, instead of their rows being left
// out. A bar of another timeframe counts from its end on, never earlier. FAILED_PRECONDITION says
// what is wrong with the data, and where: a price that is no number, too few bars, no row left, one
// class only, an empty part, an indicator of volume where there is none. CANCELLED: `stop` (may be
// NULL) was asked to.
MESH_NODISCARD mesh_code dataset_build(train_stop *stop, const strategy *strategy,
                                       const train_bars *series, bool zero, dataset **out,
                                       mesh_error *err);
void dataset_destroy(dataset *own);

// The bytes that building it takes, what is built included, where every bar becomes a row.
int64_t dataset_bytes(const strategy *strategy, const train_bars *series);

// The rows of a part as an engine takes them.
train_rows dataset_rows(const dataset *own, dataset_part part);

// Only the features of one symbol, for a prediction: `bars` by timeframe. Row i of *out (freed by
// the caller; (base bars, features)) belongs to base bar i; a row with a value that is missing has
// NaN in it.
MESH_NODISCARD mesh_code dataset_features(train_stop *stop, const strategy *strategy,
                                          const train_bars *bars, bool zero,
                                          const dataset_scaling *scaling, float **out,
                                          mesh_error *err);

// The bytes that it takes, what is made included.
int64_t dataset_features_bytes(const strategy *strategy, const train_bars *bars);

#endif
