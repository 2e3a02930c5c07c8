#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/trainer/internal.h"

// ---- metrics ----

typedef struct tally {
  const train_network *network;
  double loss, weight;
  int64_t correct;
  int64_t seen[TRAIN_CLASSES][TRAIN_CLASSES];  // [class][what the network said]
} tally;

// log(sum(exp(x))) without overflow; *greatest is the place of the greatest.
static double log_sum_exp(const float *outputs, int count, int *greatest) {
  double most = -INFINITY, sum = 0;
  for (int i = 0; i < count; i++) {
    if ((double)outputs[i] <= most) continue;
    most = (double)outputs[i];
    *greatest = i;
  }
  for (int i = 0; i < count; i++)
    sum += exp((double)outputs[i] - most);
  return most + log(sum);
}

static void count_class(tally *own, const float *outputs, int class) {
  int said = 0;
  double cross = log_sum_exp(outputs, own->network->outputs, &said) - (double)outputs[class];
  if (own->network->loss == TRAIN_FOCAL) {
    cross *= pow(1 - exp(-cross), (double)own->network->loss_parameter);
  }
  double weight = own->network->weighted ? (double)own->network->class_weights[class] : 1;
  own->loss += weight * cross;
  own->weight += weight;
  own->correct += said == class;
  own->seen[class][said]++;
}

static void count_number(tally *own, float output, float number) {
  double delta = (double)own->network->loss_parameter;
  double off = fabs((double)output - (double)number);
  own->loss += off <= delta ? off * off / 2 : delta * (off - delta / 2);
  own->weight += 1;
  own->correct += (output > 0) == (number > 0);
}

static void conclude(const tally *own, size_t rows, trainer_metrics *out) {
  *out = (trainer_metrics){.rows = (int64_t)rows,
                           .loss = own->loss / own->weight,
                           .accuracy = (double)own->correct / (double)rows};
  for (int c = 0; c < TRAIN_CLASSES; c++) {
    trainer_class *class = &out->classes[c];
    int64_t said = 0;
    for (int other = 0; other < TRAIN_CLASSES; other++) {
      class->rows += own->seen[c][other];
      said += own->seen[other][c];
    }
    double right = (double)own->seen[c][c];
    class->precision = said > 0 ? right / (double)said : 0;
    class->recall = class->rows > 0 ? right / (double)class->rows : 0;
    double sum = class->precision + class->recall;
    class->f1 = sum > 0 ? 2 * class->precision * class->recall / sum : 0;
  }
}

mesh_code trainer_evaluate(trainer *own, train_stop *stop, dataset_part part, trainer_metrics *out,
                           mesh_error *err) {
  train_rows rows = dataset_rows(own->setup.data, part);
  size_t outputs = (size_t)own->network.outputs;
  tally all = {.network = &own->network};
  *out = (trainer_metrics){0};
  if (rows.count == 0) return GRPC_STATUS_OK;
  size_t piece = train_predict_piece(&own->network);
  if (own->outputs == NULL) own->outputs = calloc(piece * outputs, sizeof *own->outputs);
  if (own->outputs == NULL) abort();
  for (size_t first = 0; first < rows.count; first += piece) {
    size_t count = rows.count - first < piece ? rows.count - first : piece;
    mesh_code code = train_stop_check(stop, err);
    if (code != GRPC_STATUS_OK) return code;
    code =
        train_engine_predict(own->setup.engine, rows.features + first * (size_t)own->network.inputs,
                             count, own->outputs, err);
    if (code != GRPC_STATUS_OK) return code;
    for (size_t i = 0; i < count; i++) {
      if (rows.classes != NULL) {
        count_class(&all, own->outputs + i * outputs, rows.classes[first + i]);
      } else {
        count_number(&all, own->outputs[i], rows.numbers[first + i]);
      }
    }
  }
  conclude(&all, rows.count, out);
  return GRPC_STATUS_OK;
}

// ---- the end of an epoch ----

// What is watched, smaller is better: of the validation rows, or of training where there are none.
static double watched_value(const trainer *own, const trainer_epoch *epoch) {
  const trainer_metrics *metrics = epoch->validation.rows > 0 ? &epoch->validation : &epoch->train;
  return own->setup.strategy->learning.stop_on_accuracy ? -metrics->accuracy : metrics->loss;
}

static void adapt_learning_rate(trainer *own, const trainer_epoch *epoch) {
  const strategy_learning *how = &own->setup.strategy->learning;
  double *rate = &own->numbers.learning_rate;
  switch (how->schedule) {
    case STRATEGY_CONSTANT:
      return;
    case STRATEGY_STEP:
    case STRATEGY_EXPONENTIAL:
      if (epoch->epoch % how->schedule_epochs == 0) *rate *= how->schedule_factor;
      return;
    case STRATEGY_PLATEAU: {
      double loss = epoch->validation.rows > 0 ? epoch->validation.loss : epoch->train.loss;
      own->counts.plateau_waited++;
      // As torch's ReduceLROnPlateau: relative, 1e-4.
      if (loss < own->numbers.plateau_value * (1 - 1e-4)) {
        own->numbers.plateau_value = loss;
        own->counts.plateau_waited = 0;
      }
      if (own->counts.plateau_waited <= how->schedule_epochs) return;
      *rate *= how->schedule_factor;
      own->counts.plateau_waited = 0;
    }
  }
}

static mesh_code keep_best(trainer *own, trainer_epoch *epoch, mesh_error *err) {
  double value = watched_value(own, epoch);
  epoch->best = value < own->numbers.best_value;
  if (!epoch->best) return GRPC_STATUS_OK;
  own->numbers.best_value = value;
  own->counts.best_epoch = epoch->epoch;
  mesh_code code = train_engine_store(own->setup.engine, &own->state, err);
  memcpy(own->best, own->state.parameters, own->state.parameter_count * sizeof *own->best);
  return code;
}

static void look_for_end(trainer *own, trainer_epoch *epoch) {
  const strategy_learning *how = &own->setup.strategy->learning;
  double value = watched_value(own, epoch);
  own->counts.waited++;
  if (value < own->numbers.stop_value - how->min_delta) {
    own->numbers.stop_value = value;
    own->counts.waited = 0;
  }
  epoch->waited = (int)own->counts.waited;
  own->counts.stopped_early = how->early_stopping && own->counts.waited >= how->patience;
}

mesh_code trainer_end_epoch(trainer *own, train_stop *stop, mesh_error *err) {
  trainer_progress progress = trainer_progress_of(own);
  trainer_epoch epoch = {.epoch = (int)own->counts.epoch + 1,
                         .train = {.rows = (int64_t)own->rows.count,
                                   .loss = progress.loss,
                                   .accuracy = progress.accuracy},
                         .learning_rate = own->numbers.learning_rate,
                         .samples_per_s = progress.samples_per_s,
                         .step = own->state.step};
  mesh_code code = trainer_evaluate(own, stop, DATASET_VALIDATION, &epoch.validation, err);
  if (code == GRPC_STATUS_OK) code = keep_best(own, &epoch, err);
  if (code != GRPC_STATUS_OK) return code;
  look_for_end(own, &epoch);
  adapt_learning_rate(own, &epoch);
  own->epochs[own->counts.epoch++] = epoch;
  own->counts.done = own->counts.correct = 0;
  own->numbers.loss_sum = own->numbers.seconds = 0;
  own->shuffled = false;
  return GRPC_STATUS_OK;
}
