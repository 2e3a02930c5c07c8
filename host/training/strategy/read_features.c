#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/training/strategy/internal.h"
#include "mesh/program/closest.h"
#include "mesh/runtime/text.h"

enum { INDICATORS_MAX = 256, FUZZY_SETS_MAX = 256, MEMBERS_MAX = 64, LOOKBACK_MAX = 100 };

// ---- indicators ----

static mesh_code read_source(const strategy_reading *own, const strategy_node *node,
                             strategy_source *out, mesh_error *err) {
  static const char *const names[] = {"open",   "high", "low",  "close",
                                      "volume", "hl2",  "hlc3", "ohlc4"};
  const strategy_node *source = strategy_get(node, "source");
  *out = STRATEGY_CLOSE;
  if (source == NULL) return GRPC_STATUS_OK;
  for (int i = 0; i < 8; i++) {
    if (strcasecmp(names[i], source->text) != 0) continue;
    *out = (strategy_source)i;
    return GRPC_STATUS_OK;
  }
  return strategy_refuse(own->tree, source, err,
                         "source: '%s' is none of open, high, low, close, volume, hl2, hlc3, ohlc4",
                         source->text);
}

static bool is_own_key(const char *key) {
  return strcmp(key, "type") == 0 || strcmp(key, "source") == 0 || strcmp(key, "data_source") == 0;
}

static mesh_code refuse_parameter(const strategy_reading *own, const strategy_node *node,
                                  const train_indicator *row, mesh_error *err) {
  char all[200] = "";
  for (int i = 0; i < TRAIN_PARAMETERS_MAX && row->parameters[i].name != NULL; i++) {
    mesh_text_append(all, sizeof all, "%s%s", i > 0 ? ", " : "", row->parameters[i].name);
  }
  return strategy_refuse(own->tree, node, err, "%s: %s has no such parameter; it has: %s",
                         node->key, row->name, all[0] == '\0' ? "none" : all);
}

static mesh_code read_parameters(const strategy_reading *own, const strategy_node *node,
                                 strategy_indicator *out, mesh_error *err) {
  const train_indicator *row = out->row;
  for (int i = 0; i < TRAIN_PARAMETERS_MAX && row->parameters[i].name != NULL; i++)
    out->parameters[i] = row->parameters[i].standard;
  for (size_t k = 0; k < node->count; k++) {
    const strategy_node *given = &node->children[k];
    if (is_own_key(given->key)) continue;
    int i = 0;
    while (i < TRAIN_PARAMETERS_MAX && row->parameters[i].name != NULL &&
           strcmp(row->parameters[i].name, given->key) != 0)
      i++;
    if (i == TRAIN_PARAMETERS_MAX || row->parameters[i].name == NULL) {
      return refuse_parameter(own, given, row, err);
    }
    out->parameters[i] = given->number;
  }
  mesh_error why;
  if (train_indicator_check(row, out->parameters, &why) == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, node, err, "%s: %s", out->id, why.message);
}

static mesh_code read_indicator(const strategy_reading *own, const strategy_node *node,
                                strategy_indicator *out, mesh_error *err) {
  mesh_code code = strategy_copy_name(own, node, node->key, out->id, STRATEGY_NAME_MAX, err);
  if (code != GRPC_STATUS_OK) return code;
  const strategy_node *outside = strategy_get(node, "data_source");
  if (outside != NULL) {
    (void)strategy_refuse(own->tree, outside, err,
                          "data_source: series from elsewhere (context_data) are not supported");
    return err == NULL ? GRPC_STATUS_UNIMPLEMENTED : (err->code = GRPC_STATUS_UNIMPLEMENTED);
  }
  const strategy_node *type = strategy_get(node, "type");
  if (type == NULL) return strategy_refuse(own->tree, node, err, "%s: type is needed", node->key);
  const char *closest;
  out->row = train_indicator_find(type->text, &closest);
  if (out->row == NULL) {
    return strategy_refuse(own->tree, type, err, "type: no indicator '%s'%s%s%s", type->text,
                           closest != NULL ? "; did you mean " : "", closest != NULL ? closest : "",
                           closest != NULL ? "?" : "");
  }
  code = read_source(own, node, &out->source, err);
  return code == GRPC_STATUS_OK ? read_parameters(own, node, out, err) : code;
}

mesh_code strategy_read_indicators(strategy_reading *own, mesh_error *err) {
  const strategy_node *all = strategy_get(own->root, "indicators");
  size_t count = all == NULL ? 0 : all->count;
  if (count > INDICATORS_MAX) {
    return strategy_refuse(own->tree, all, err, "more than %d indicators", INDICATORS_MAX);
  }
  own->out->indicators = calloc(count + 1, sizeof *own->out->indicators);
  if (own->out->indicators == NULL) abort();
  for (size_t i = 0; i < count; i++) {
    mesh_code code = read_indicator(own, &all->children[i], &own->out->indicators[i], err);
    if (code != GRPC_STATUS_OK) return code;
    own->out->indicator_count++;
  }
  return GRPC_STATUS_OK;
}

static mesh_code find_named_output(const strategy_reading *own, const strategy_node *node,
                                   const train_indicator *row, const char *name, int *output,
                                   mesh_error *err) {
  char all[128] = "";
  for (int i = 0; i < TRAIN_OUTPUTS_MAX && row->outputs[i] != NULL; i++) {
    *output = i;
    if (name == NULL || strcmp(row->outputs[i], name) == 0) return GRPC_STATUS_OK;
    mesh_text_append(all, sizeof all, "%s%s", i > 0 ? ", " : "", row->outputs[i]);
  }
  return strategy_refuse(own->tree, node, err, "%s: %s has no output '%s'; it has: %s", node->key,
                         row->name, name, all);
}

mesh_code strategy_find_output(const strategy_reading *own, const strategy_node *node,
                               int *indicator, int *output, mesh_error *err) {
  size_t size = strcspn(node->text, ".");
  const char *name = node->text[size] == '.' ? node->text + size + 1 : NULL;
  const strategy *out = own->out;
  for (int i = 0; i < out->indicator_count; i++) {
    if (strlen(out->indicators[i].id) != size ||
        memcmp(out->indicators[i].id, node->text, size) != 0)
      continue;
    *indicator = i;
    return find_named_output(own, node, out->indicators[i].row, name, output, err);
  }
  return strategy_refuse(own->tree, node, err, "%s: there is no indicator '%.*s'", node->key,
                         (int)size, node->text);
}

// ---- fuzzy sets ----

static mesh_code read_member(const strategy_reading *own, const strategy_node *node,
                             strategy_member *out, mesh_error *err) {
  mesh_code code = strategy_copy_name(own, node, node->key, out->name, STRATEGY_NAME_MAX, err);
  if (code != GRPC_STATUS_OK) return code;
  const strategy_node *type = strategy_get(node, "type");
  train_membership *shape = &out->membership;
  if (type != NULL && !train_shape_find(type->text, &shape->shape)) {
    return strategy_refuse(own->tree, type, err,
                           "type: '%s' is none of triangular, trapezoidal, gaussian, sigmoid",
                           type->text);
  }
  const strategy_node *numbers = strategy_get(node, "parameters");
  int want = train_shape_parameters(shape->shape);
  if (numbers == NULL || numbers->count != (size_t)want) {
    return strategy_refuse(own->tree, numbers == NULL ? node : numbers, err,
                           "%s: %d numbers are needed, %zu are there", node->key, want,
                           numbers == NULL ? 0 : numbers->count);
  }
  for (int i = 0; i < want; i++)
    shape->parameters[i] = numbers->children[i].number;
  mesh_error why;
  if (train_membership_check(shape, &why) == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, numbers, err, "%s: %s", node->key, why.message);
}

static mesh_code read_fuzzy_set(strategy_reading *own, const strategy_node *node,
                                strategy_fuzzy_set *out, mesh_error *err) {
  mesh_code code = strategy_copy_name(own, node, node->key, out->id, STRATEGY_NAME_MAX, err);
  if (code != GRPC_STATUS_OK) return code;
  const strategy_node *of = strategy_get(node, "indicator");
  if (of == NULL)
    return strategy_refuse(own->tree, node, err, "%s: indicator is needed", node->key);
  code = strategy_find_output(own, of, &out->indicator, &out->output, err);
  if (code != GRPC_STATUS_OK) return code;
  if (node->count < 2 || node->count > MEMBERS_MAX) {
    return strategy_refuse(own->tree, node, err, "%s: 1 to %d memberships are needed", node->key,
                           MEMBERS_MAX - 1);
  }
  out->members = calloc(node->count, sizeof *out->members);
  if (out->members == NULL) abort();
  for (size_t i = 0; i < node->count && code == GRPC_STATUS_OK; i++) {
    if (&node->children[i] == of) continue;
    code = read_member(own, &node->children[i], &out->members[out->member_count++], err);
  }
  return code;
}

mesh_code strategy_read_fuzzy_sets(strategy_reading *own, mesh_error *err) {
  const strategy_node *all = strategy_get(own->root, "fuzzy_sets");
  size_t count = all == NULL ? 0 : all->count;
  if (count > FUZZY_SETS_MAX) {
    return strategy_refuse(own->tree, all, err, "more than %d fuzzy sets", FUZZY_SETS_MAX);
  }
  own->out->fuzzy_sets = calloc(count + 1, sizeof *own->out->fuzzy_sets);
  if (own->out->fuzzy_sets == NULL) abort();
  for (size_t i = 0; i < count; i++) {
    own->out->fuzzy_set_count++;
    mesh_code code = read_fuzzy_set(own, &all->children[i], &own->out->fuzzy_sets[i], err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

// ---- features ----

// Makes room for `more` features: no memory is taken for what would be too many.
static mesh_code reserve(const strategy_reading *own, const strategy_node *node, int64_t more,
                         mesh_error *err) {
  strategy *out = own->out;
  if (out->feature_count + more > TRAIN_WIDTH_MAX) {
    return strategy_refuse(own->tree, node, err, "more than %d features", TRAIN_WIDTH_MAX);
  }
  if (out->features == NULL) out->features = calloc(TRAIN_WIDTH_MAX, sizeof *out->features);
  if (out->features == NULL) abort();
  return GRPC_STATUS_OK;
}

static strategy_feature *add_feature(strategy *out) {
  return &out->features[out->feature_count++];
}

static mesh_code add_fuzzy(const strategy_reading *own, const strategy_node *node, int timeframe,
                           int set, mesh_error *err) {
  strategy *out = own->out;
  const strategy_fuzzy_set *from = &out->fuzzy_sets[set];
  mesh_code code = reserve(own, node, from->member_count, err);
  if (code != GRPC_STATUS_OK) return code;
  for (int i = 0; i < from->member_count; i++) {
    strategy_feature *added = add_feature(out);
    *added = (strategy_feature){.timeframe = timeframe,
                                .indicator = from->indicator,
                                .output = from->output,
                                .fuzzy_set = set,
                                .member = i};
    mesh_text_format(added->name, sizeof added->name, "%s_%s_%s", out->timeframes[timeframe],
                     from->id, from->members[i].name);
  }
  return GRPC_STATUS_OK;
}

static mesh_code add_raw(const strategy_reading *own, const strategy_node *node, int timeframe,
                         const strategy_feature *what, mesh_error *err) {
  strategy *out = own->out;
  mesh_code code = reserve(own, node, 1, err);
  if (code != GRPC_STATUS_OK) return code;
  strategy_feature *added = add_feature(out);
  const strategy_indicator *from = &out->indicators[what->indicator];
  *added = *what;
  added->timeframe = timeframe;
  mesh_text_format(added->name, sizeof added->name, "%s_%s%s%s_raw", out->timeframes[timeframe],
                   from->id, what->output > 0 ? "." : "",
                   what->output > 0 ? from->row->outputs[what->output] : "");
  return GRPC_STATUS_OK;
}

// What one entry of nn_inputs names.
static mesh_code read_input(const strategy_reading *own, const strategy_node *node,
                            strategy_feature *out, mesh_error *err) {
  const strategy_node *set = strategy_get(node, "fuzzy_set");
  const strategy_node *raw = strategy_get(node, "raw_indicator");
  *out = (strategy_feature){.fuzzy_set = -1, .member = -1};
  if ((set == NULL) == (raw == NULL)) {
    return strategy_refuse(own->tree, node, err,
                           "nn_inputs: exactly one of fuzzy_set and raw_indicator is needed");
  }
  out->normalization = (strategy_normalization)strategy_number(node, "normalization", 0);
  if (raw != NULL) return strategy_find_output(own, raw, &out->indicator, &out->output, err);
  for (int i = 0; i < own->out->fuzzy_set_count; i++) {
    if (strcmp(own->out->fuzzy_sets[i].id, set->text) != 0) continue;
    out->fuzzy_set = i;
    return GRPC_STATUS_OK;
  }
  return strategy_refuse(own->tree, set, err, "fuzzy_set: there is none called '%s'", set->text);
}

// True if the entry covers a timeframe; those of the command's are all covered.
static bool covers(const strategy_reading *own, const strategy_node *timeframes, const char *name) {
  if (timeframes == NULL || own->overrides->timeframe_count > 0) return true;
  for (size_t i = 0; i < timeframes->count; i++) {
    const char *text = timeframes->children[i].text;
    if (strcmp(text, name) == 0 || strcmp(text, "all") == 0) return true;
  }
  return false;
}

static mesh_code check_timeframes(const strategy_reading *own, const strategy_node *timeframes,
                                  mesh_error *err) {
  if (timeframes == NULL || own->overrides->timeframe_count > 0) return GRPC_STATUS_OK;
  for (size_t i = 0; i < timeframes->count; i++) {
    const strategy_node *one = &timeframes->children[i];
    bool known = strcmp(one->text, "all") == 0;
    for (int k = 0; k < own->out->timeframe_count; k++)
      known = known || strcmp(own->out->timeframes[k], one->text) == 0;
    if (known) continue;
    return strategy_refuse(own->tree, one, err,
                           "timeframes: '%s' is none of training_data's timeframes", one->text);
  }
  return GRPC_STATUS_OK;
}

static mesh_code add_input(strategy_reading *own, const strategy_node *node, mesh_error *err) {
  strategy_feature what;
  const strategy_node *timeframes = strategy_get(node, "timeframes");
  mesh_code code = read_input(own, node, &what, err);
  if (code == GRPC_STATUS_OK) code = check_timeframes(own, timeframes, err);
  for (int i = 0; i < own->out->timeframe_count && code == GRPC_STATUS_OK; i++) {
    if (!covers(own, timeframes, own->out->timeframes[i])) continue;
    code = what.fuzzy_set >= 0 ? add_fuzzy(own, node, i, what.fuzzy_set, err)
                               : add_raw(own, node, i, &what, err);
  }
  return code;
}

// After all features their earlier values, lag by lag.
static mesh_code add_lags(strategy_reading *own, mesh_error *err) {
  const strategy_node *node = strategy_get(own->root, "model.features.lookback_periods");
  int lags = node == NULL ? 0 : (int)node->number, count = own->out->feature_count;
  if (lags < 0 || lags > LOOKBACK_MAX) {
    return strategy_refuse(own->tree, node, err, "lookback_periods: use 0 to %d", LOOKBACK_MAX);
  }
  mesh_code code = reserve(own, node, (int64_t)count * lags, err);
  if (code != GRPC_STATUS_OK) return code;
  for (int lag = 1; lag <= lags; lag++) {
    for (int i = 0; i < count; i++) {
      strategy_feature *added = add_feature(own->out);
      *added = own->out->features[i];
      added->lag = lag;
      size_t used = strlen(added->name);
      snprintf(added->name + used, sizeof added->name - used, "_lag_%d", lag);
    }
  }
  return GRPC_STATUS_OK;
}

mesh_code strategy_read_features(strategy_reading *own, mesh_error *err) {
  const strategy_node *inputs = strategy_get(own->root, "nn_inputs");
  mesh_code code = GRPC_STATUS_OK;
  if (inputs == NULL) {  // every fuzzy set, on every timeframe
    for (int set = 0; set < own->out->fuzzy_set_count; set++) {
      for (int i = 0; i < own->out->timeframe_count && code == GRPC_STATUS_OK; i++)
        code = add_fuzzy(own, strategy_get(own->root, "fuzzy_sets"), i, set, err);
    }
  } else if (inputs->count > TRAIN_WIDTH_MAX) {
    code = strategy_refuse(own->tree, inputs, err, "nn_inputs: %zu of them; at most %d",
                           inputs->count, TRAIN_WIDTH_MAX);
  }
  for (size_t i = 0; inputs != NULL && i < inputs->count && code == GRPC_STATUS_OK; i++)
    code = add_input(own, &inputs->children[i], err);
  if (code != GRPC_STATUS_OK) return code;
  if (own->out->feature_count == 0) {
    return strategy_refuse(own->tree, inputs, err, "nn_inputs: the network has no features");
  }
  return add_lags(own, err);
}
