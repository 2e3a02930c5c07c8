// strategy: what a strategy file (KTRDR v3) asks for, ready to be computed: which series, which
// features in which order, which labels, which network, how it learns. Read-only after it was read:
// any thread.
#ifndef MILLRACE_HOST_TRAINING_STRATEGY_STRATEGY_H
#define MILLRACE_HOST_TRAINING_STRATEGY_STRATEGY_H

#include "host/training/engine/network.h"
#include "host/training/features/fuzzy.h"
#include "host/training/features/indicator.h"
#include "host/training/features/labels.h"
#include "host/training/strategy/tree.h"

enum {
  STRATEGY_NAME_MAX = 64,  // bytes of any name, with the NUL
  STRATEGY_FEATURE_NAME_MAX = 224,
  STRATEGY_SYMBOLS_MAX = 64,
  STRATEGY_TIMEFRAMES_MAX = 9,
  STRATEGY_WARNING_MAX = 200,
  STRATEGY_EPOCHS_MAX = 1000000,
};

typedef enum strategy_source {
  STRATEGY_OPEN,
  STRATEGY_HIGH,
  STRATEGY_LOW,
  STRATEGY_CLOSE,
  STRATEGY_VOLUME,
  STRATEGY_HL2,
  STRATEGY_HLC3,
  STRATEGY_OHLC4,
} strategy_source;

typedef struct strategy_indicator {
  char id[STRATEGY_NAME_MAX];
  const train_indicator *row;
  double parameters[TRAIN_PARAMETERS_MAX];
  strategy_source source;
} strategy_indicator;

typedef struct strategy_member {
  char name[STRATEGY_NAME_MAX];
  train_membership membership;
} strategy_member;

typedef struct strategy_fuzzy_set {
  char id[STRATEGY_NAME_MAX];
  int indicator, output;  // places in `indicators` and among its row's outputs
  int member_count;
  strategy_member *members;  // owned
} strategy_fuzzy_set;

typedef enum strategy_normalization {
  STRATEGY_PLAIN,
  STRATEGY_MINMAX,
  STRATEGY_ZSCORE,
} strategy_normalization;

// One column of the network's input.
typedef struct strategy_feature {
  char name[STRATEGY_FEATURE_NAME_MAX];  // "1h_rsi_momentum_oversold", "1d_atr_raw", "..._lag_2"
  int timeframe;                         // a place in `timeframes`
  int indicator, output;
  int fuzzy_set, member;  // -1: the indicator's value itself
  strategy_normalization normalization;
  int lag;  // so many rows earlier
} strategy_feature;

typedef enum strategy_schedule {
  STRATEGY_CONSTANT,
  STRATEGY_STEP,
  STRATEGY_EXPONENTIAL,
  STRATEGY_PLATEAU,
} strategy_schedule;

typedef struct strategy_learning {
  train_optimizer optimizer;
  double learning_rate;
  int batch_rows, epochs;
  bool early_stopping, stop_on_accuracy;
  int patience;
  double min_delta;
  strategy_schedule schedule;
  int schedule_epochs;  // step: its size; plateau: its patience
  double schedule_factor;
  bool balanced;  // class weights
} strategy_learning;

typedef struct strategy {
  char name[STRATEGY_NAME_MAX], version[STRATEGY_NAME_MAX];
  int symbol_count, timeframe_count, base;  // base: the timeframe whose bars are the rows
  char symbols[STRATEGY_SYMBOLS_MAX][STRATEGY_NAME_MAX];
  char timeframes[STRATEGY_TIMEFRAMES_MAX][8];
  int64_t from_s, to_s;  // [from, to); INT64_MIN, INT64_MAX where the file names none
  int history_required;
  int indicator_count, fuzzy_set_count, feature_count;
  strategy_indicator *indicators;  // these three are owned
  strategy_fuzzy_set *fuzzy_sets;
  strategy_feature *features;
  train_label_options labels;
  double split[3];        // fractions of train, validation, test; their sum is 1
  train_network network;  // inputs are the features
  strategy_learning learning;
  double confidence_threshold;
  char warning[STRATEGY_WARNING_MAX];  // what the file asks for without effect; "" nothing
} strategy;

// What replaces the file's own choice; NULL and 0: nothing does.
typedef struct strategy_overrides {
  const char *const *symbols;
  size_t symbol_count;
  const char *const *timeframes;
  size_t timeframe_count;
} strategy_overrides;

// Reads a strategy file; `file` is what errors call it. INVALID_ARGUMENT: as strategy_tree_read(),
// or something that the file refers to is not there, or cannot be: "FILE:LINE:COLUMN: what".
// UNIMPLEMENTED: something that this grammar has and millrace has not. CANCELLED: `stop` (may be
// NULL) was asked to. On OK release *out with strategy_destroy().
MESH_NODISCARD mesh_code strategy_read(train_stop *stop, const mesh_schema *schema,
                                       const char *file, mesh_view text,
                                       const strategy_overrides *overrides, strategy **out,
                                       mesh_error *err);

// Frees what it owns. NULL is fine.
void strategy_destroy(strategy *own);

#endif
