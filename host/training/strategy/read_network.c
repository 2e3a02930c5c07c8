#include <math.h>
#include <stdio.h>
#include <string.h>

#include "host/training/strategy/internal.h"

static mesh_code unsupported(const strategy_reading *own, const strategy_node *node,
                             const char *text, mesh_error *err) {
  (void)strategy_refuse(own->tree, node, err, "%s", text);
  if (err != NULL) err->code = GRPC_STATUS_UNIMPLEMENTED;
  return GRPC_STATUS_UNIMPLEMENTED;
}

// ---- the network ----

static mesh_code read_layers(strategy_reading *own, mesh_error *err) {
  train_network *network = &own->out->network;
  const strategy_node *hidden = strategy_get(own->root, "model.architecture.hidden_layers");
  if (hidden == NULL) {  // what the grammar's own examples have
    network->hidden_count = 2;
    network->hidden[0] = 64;
    network->hidden[1] = 32;
    return GRPC_STATUS_OK;
  }
  if (hidden->count > TRAIN_HIDDEN_MAX) {
    return strategy_refuse(own->tree, hidden, err, "hidden_layers: %zu of them; at most %d",
                           hidden->count, TRAIN_HIDDEN_MAX);
  }
  for (size_t i = 0; i < hidden->count; i++) {
    const strategy_node *one = &hidden->children[i];
    if (one->number < 1 || one->number > TRAIN_WIDTH_MAX) {
      return strategy_refuse(own->tree, one, err, "hidden_layers: %s is not in 1..%d", one->text,
                             TRAIN_WIDTH_MAX);
    }
    network->hidden[network->hidden_count++] = (int)one->number;
  }
  return GRPC_STATUS_OK;
}

static mesh_code read_features(strategy_reading *own, mesh_error *err) {
  const strategy_node *context = strategy_get(own->root, "model.features.include_price_context");
  if (context != NULL && context->number != 0) {
    return unsupported(own, context, "include_price_context: not supported", err);
  }
  const strategy_node *scale = strategy_get(own->root, "model.features.scale_features");
  if (scale != NULL && scale->number != 0) {
    strategy_warn(own, scale,
                  "scale_features has no effect: memberships lie in 0..1, and raw "
                  "inputs have their normalization");
  }
  return GRPC_STATUS_OK;
}

mesh_code strategy_read_network(strategy_reading *own, mesh_error *err) {
  static const train_activation activations[] = {TRAIN_RELU, TRAIN_RELU, TRAIN_TANH,
                                                 TRAIN_SIGMOID_UNIT, TRAIN_LEAKY_RELU};
  const strategy_node *model = strategy_get(own->root, "model");
  train_network *network = &own->out->network;
  if (strategy_number(model, "type", 1) > 1) {
    return unsupported(own, strategy_get(model, "type"),
                       "type: only mlp networks are supported, no lstm, no gru", err);
  }
  network->inputs = own->out->feature_count;
  network->activation = activations[(int)strategy_number(model, "architecture.activation", 0)];
  network->dropout = (float)strategy_number(model, "architecture.dropout", 0.2);
  mesh_code code = read_layers(own, err);
  return code == GRPC_STATUS_OK ? read_features(own, err) : code;
}

// ---- labels ----

// Where the file says the number that a message begins with; the labels themselves where it does
// not.
static const strategy_node *label_node(const strategy_node *labels, const char *message) {
  char name[STRATEGY_NAME_MAX];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(message, " "), message);
  const strategy_node *node = strategy_get(labels, name);
  return node == NULL ? labels : node;
}

static mesh_code read_labels(strategy_reading *own, mesh_error *err) {
  static const train_label_source sources[] = {TRAIN_ZIGZAG, TRAIN_ZIGZAG, TRAIN_FORWARD_RETURN,
                                               TRAIN_TRIPLE_BARRIER};
  const strategy_node *labels = strategy_get(own->root, "training.labels");
  int source = (int)strategy_number(labels, "source", 0);
  if (source > 3) {
    return unsupported(
        own, strategy_get(labels, "source"),
        "source: only zigzag, forward_return and triple_barrier labels are supported", err);
  }
  train_label_options *out = &own->out->labels;
  *out = train_label_defaults(sources[source]);
  out->zigzag_threshold = strategy_number(labels, "zigzag_threshold", out->zigzag_threshold);
  out->horizon = (int)strategy_number(labels, "horizon", out->horizon);
  out->pt_multiplier = strategy_number(labels, "pt_multiplier", out->pt_multiplier);
  out->sl_multiplier = strategy_number(labels, "sl_multiplier", out->sl_multiplier);
  out->max_holding_period =
      (int)strategy_number(labels, "max_holding_period", out->max_holding_period);
  out->vol_span = (int)strategy_number(labels, "vol_span", out->vol_span);
  out->vol_atr = strategy_number(labels, "vol_method", out->vol_atr ? 0 : 1) == 0;
  mesh_error why;
  if (train_label_check(out, &why) == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, label_node(labels, why.message), err, "%s", why.message);
}

// A format that the labels cannot have is an error where the file says it.
static mesh_code read_format(strategy_reading *own, mesh_error *err) {
  bool numbers = own->out->labels.source == TRAIN_FORWARD_RETURN;
  own->out->network.outputs = numbers ? 1 : TRAIN_CLASSES;
  own->out->confidence_threshold = strategy_number(own->root, "decisions.confidence_threshold", 0);
  const strategy_node *format = strategy_get(own->root, "decisions.output_format");
  if (format == NULL || (format->number != 0) == numbers) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, format, err,
                         "output_format: %s, but the labels (training.labels.source) are %s",
                         format->text, numbers ? "numbers: regression" : "classes: classification");
}

static mesh_code read_split(strategy_reading *own, mesh_error *err) {
  const strategy_node *split = strategy_get(own->root, "training.data_split");
  double *out = own->out->split;
  out[0] = strategy_number(split, "train", split == NULL ? 0.7 : 0);
  out[1] = strategy_number(split, "validation", split == NULL ? 0.15 : 0);
  out[2] = strategy_number(split, "test", split == NULL ? 0.15 : 0);
  double sum = out[0] + out[1] + out[2], whole = sum > 1.5 ? 100 : 1;
  bool bad = out[0] <= 0 || out[1] < 0 || out[2] < 0;
  if (bad || fabs(sum - whole) > 0.01 * whole) {
    return strategy_refuse(own->tree, split, err,
                           "data_split: %g, %g, %g: the parts must be 1 together, and train not 0",
                           out[0], out[1], out[2]);
  }
  for (int i = 0; i < 3; i++)
    out[i] /= sum;
  return GRPC_STATUS_OK;
}

// ---- learning ----

// The node of a number of learning: `training` counts more than `model.training`.
static const strategy_node *learning_node(const strategy_reading *own, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "training.%s", name);
  const strategy_node *node = strategy_get(own->root, path);
  if (node != NULL) return node;
  snprintf(path, sizeof path, "model.training.%s", name);
  return strategy_get(own->root, path);
}

static mesh_code take(const strategy_reading *own, const char *name, double least, double most,
                      double *out, mesh_error *err) {
  const strategy_node *node = learning_node(own, name);
  if (node == NULL) return GRPC_STATUS_OK;
  *out = node->number;
  if (*out >= least && *out <= most) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, node, err, "%s: %s is not in %g..%g", name, node->text, least,
                         most);
}

static mesh_code take_float(const strategy_reading *own, const char *name, double least,
                            double most, float *out, mesh_error *err) {
  double number = (double)*out;
  mesh_code code = take(own, name, least, most, &number, err);
  *out = (float)number;
  return code;
}

static mesh_code take_int(const strategy_reading *own, const char *name, double least, double most,
                          int *out, mesh_error *err) {
  double number = *out;
  mesh_code code = take(own, name, least, most, &number, err);
  *out = (int)number;
  return code;
}

static mesh_code read_optimizer(strategy_reading *own, const strategy_node *model,
                                mesh_error *err) {
  static const train_rule rules[] = {TRAIN_ADAM, TRAIN_ADAM, TRAIN_SGD, TRAIN_RMSPROP, TRAIN_ADAMW};
  strategy_learning *out = &own->out->learning;
  out->optimizer = train_optimizer_defaults(rules[(int)strategy_number(model, "optimizer", 0)]);
  out->learning_rate = 0.001;
  out->batch_rows = 32;
  out->epochs = 100;
  mesh_code code = take(own, "learning_rate", 1e-9, 100, &out->learning_rate, err);
  if (code == GRPC_STATUS_OK) {
    code = take_int(own, "batch_size", 1, TRAIN_BATCH_MAX, &out->batch_rows, err);
  }
  if (code == GRPC_STATUS_OK)
    code = take_int(own, "epochs", 1, STRATEGY_EPOCHS_MAX, &out->epochs, err);
  train_optimizer *optimizer = &out->optimizer;
  if (code == GRPC_STATUS_OK) {
    code = take_float(own, "weight_decay", 0, 1, &optimizer->weight_decay, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = take_float(own, "momentum", 0, 0.999999, &optimizer->momentum, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = take_float(own, "gradient_clip", 0, 1e9, &optimizer->gradient_clip, err);
  }
  return code;
}

static mesh_code read_loss(strategy_reading *own, const strategy_node *model, mesh_error *err) {
  train_network *network = &own->out->network;
  bool numbers = network->outputs == 1;
  int loss = (int)strategy_number(model, "loss", 0);
  if (loss != 0 && (loss == 3) != numbers) {
    return strategy_refuse(own->tree, strategy_get(model, "loss"), err,
                           "loss: %s does not go with labels that are %s",
                           strategy_text(model, "loss", ""), numbers ? "numbers" : "classes");
  }
  network->loss = numbers ? TRAIN_HUBER : loss == 2 ? TRAIN_FOCAL : TRAIN_CROSS_ENTROPY;
  network->loss_parameter = (float)(numbers     ? strategy_number(model, "huber_delta", 0.01)
                                    : loss == 2 ? strategy_number(model, "focal_gamma", 2)
                                                : 0);
  own->out->learning.balanced = strategy_number(model, "class_weights", 0) != 0 && !numbers;
  return GRPC_STATUS_OK;
}

static mesh_code read_stopping(strategy_reading *own, const strategy_node *model, mesh_error *err) {
  strategy_learning *out = &own->out->learning;
  const strategy_node *node = strategy_get(model, "early_stopping");
  out->early_stopping = node != NULL && strategy_number(node, "enabled", 1) != 0;
  out->patience = (int)strategy_number(node, "patience", 10);
  out->min_delta = strategy_number(node, "min_delta", 0.001);
  out->stop_on_accuracy = strategy_number(node, "monitor", 0) != 0;
  if (out->patience >= 1 && out->min_delta >= 0) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, node, err,
                         "early_stopping: patience is at least 1, min_delta not negative");
}

static mesh_code read_schedule(strategy_reading *own, const strategy_node *model, mesh_error *err) {
  static const double factors[] = {1, 0.1, 0.95, 0.5};
  static const int epochs[] = {0, 30, 1, 5};
  strategy_learning *out = &own->out->learning;
  const strategy_node *node = strategy_get(model, "lr_scheduler");
  int type = (int)strategy_number(node, "type", 0);
  out->schedule = (strategy_schedule)type;
  bool plateau = out->schedule == STRATEGY_PLATEAU;
  out->schedule_epochs =
      (int)strategy_number(node, plateau ? "patience" : "step_size", epochs[type]);
  out->schedule_factor = strategy_number(node, plateau ? "factor" : "gamma", factors[type]);
  bool bad = out->schedule_factor <= 0 || out->schedule_factor > 1;
  if (!bad && (type == 0 || out->schedule_epochs >= 1)) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, node, err,
                         "lr_scheduler: its factor is in (0, 1], its epochs at least 1");
}

mesh_code strategy_read_learning(strategy_reading *own, mesh_error *err) {
  const strategy_node *model = strategy_get(own->root, "model.training");
  mesh_code code = read_labels(own, err);
  if (code == GRPC_STATUS_OK) code = read_format(own, err);
  if (code == GRPC_STATUS_OK) code = read_split(own, err);
  if (code == GRPC_STATUS_OK) code = read_optimizer(own, model, err);
  if (code == GRPC_STATUS_OK) code = read_loss(own, model, err);
  if (code == GRPC_STATUS_OK) code = read_stopping(own, model, err);
  if (code == GRPC_STATUS_OK) code = read_schedule(own, model, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_error why;
  if (train_network_check(&own->out->network, &why) == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, strategy_get(own->root, "model"), err, "model: %s",
                         why.message);
}
