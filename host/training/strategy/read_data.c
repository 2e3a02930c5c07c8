#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "host/training/strategy/internal.h"
#include "market/timeframe.h"
#include "market/times.h"
#include "mesh/runtime/text.h"

enum { HISTORY_MAX = 100000000 };

// ---- symbols and timeframes: the same shape, two rooms ----

// What a part of the file, or the command, names: at most `most` words.
typedef struct words {
  const char *text[STRATEGY_SYMBOLS_MAX];
  const strategy_node *nodes[STRATEGY_SYMBOLS_MAX];  // NULL: the command's
  int count;
} words;

static mesh_code add_word(const strategy_reading *own, words *all, int most, const char *text,
                          const strategy_node *node, mesh_error *err) {
  if (all->count == most)
    return strategy_refuse(own->tree, node, err, "more than %d of them", most);
  for (int i = 0; i < all->count; i++) {
    if (strcmp(all->text[i], text) == 0) {
      return strategy_refuse(own->tree, node, err, "'%s' is there twice", text);
    }
  }
  all->nodes[all->count] = node;
  all->text[all->count++] = text;
  return GRPC_STATUS_OK;
}

// The words of "training_data.PART": its ONE, its MANY, or what the command gave instead.
static mesh_code take_words(const strategy_reading *own, const char *part, const char *one,
                            const char *const *given, size_t given_count, int most, words *all,
                            mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (size_t i = 0; i < given_count && code == GRPC_STATUS_OK; i++)
    code = add_word(own, all, most, given[i], NULL, err);
  if (given_count > 0 || code != GRPC_STATUS_OK) return code;
  char path[64];
  snprintf(path, sizeof path, "training_data.%s", part);
  const strategy_node *node = strategy_get(own->root, path);
  const strategy_node *single = strategy_get(node, one), *many = strategy_get(node, part);
  if (single != NULL) code = add_word(own, all, most, single->text, single, err);
  for (size_t i = 0; single == NULL && many != NULL && i < many->count; i++) {
    code = add_word(own, all, most, many->children[i].text, &many->children[i], err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (code != GRPC_STATUS_OK || all->count > 0) return code;
  return strategy_refuse(own->tree, node, err, "training_data.%s: name at least one (%s: or %s:)",
                         part, one, part);
}

static mesh_code read_symbols(strategy_reading *own, mesh_error *err) {
  words all = {.count = 0};
  mesh_code code = take_words(own, "symbols", "symbol", own->overrides->symbols,
                              own->overrides->symbol_count, STRATEGY_SYMBOLS_MAX, &all, err);
  for (int i = 0; i < all.count && code == GRPC_STATUS_OK; i++) {
    code = strategy_copy_name(own, all.nodes[i], all.text[i], own->out->symbols[i],
                              STRATEGY_NAME_MAX, err);
  }
  own->out->symbol_count = all.count;
  return code;
}

static mesh_code read_timeframes(strategy_reading *own, mesh_error *err) {
  strategy *out = own->out;
  words all = {.count = 0};
  mesh_code code = take_words(own, "timeframes", "timeframe", own->overrides->timeframes,
                              own->overrides->timeframe_count, STRATEGY_TIMEFRAMES_MAX, &all, err);
  if (code != GRPC_STATUS_OK) return code;
  for (int i = 0; i < all.count; i++) {
    if (timeframe_seconds(all.text[i]) == 0) {
      return strategy_refuse(own->tree, all.nodes[i], err,
                             "timeframe '%s' is none of " TIMEFRAMES_FIXED, all.text[i]);
    }
    mesh_text_copy(out->timeframes[i], sizeof out->timeframes[i], all.text[i]);
    if (timeframe_seconds(all.text[i]) < timeframe_seconds(out->timeframes[out->base])) {
      out->base = i;
    }
  }
  out->timeframe_count = all.count;
  return GRPC_STATUS_OK;
}

static mesh_code read_base(strategy_reading *own, mesh_error *err) {
  const strategy_node *base = strategy_get(own->root, "training_data.timeframes.base_timeframe");
  if (base == NULL || own->overrides->timeframe_count > 0) return GRPC_STATUS_OK;
  for (int i = 0; i < own->out->timeframe_count; i++) {
    if (strcmp(own->out->timeframes[i], base->text) != 0) continue;
    own->out->base = i;
    return GRPC_STATUS_OK;
  }
  return strategy_refuse(own->tree, base, err, "base_timeframe: '%s' is none of the timeframes",
                         base->text);
}

// ---- the window ----

// "2020-01-31" or "2020-01-31T09:00:00Z", UTC.
static mesh_code read_time(const strategy_reading *own, const char *path, int64_t fallback,
                           int64_t *out, mesh_error *err) {
  const strategy_node *node = strategy_get(own->root, path);
  *out = fallback;
  if (node == NULL) return GRPC_STATUS_OK;
  if (times_read(node->text, out)) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, node, err, "%s: '%s': use 2020-01-31 or 2020-01-31T09:00:00Z",
                         node->key, node->text);
}

mesh_code strategy_read_data(strategy_reading *own, mesh_error *err) {
  if (strategy_get(own->root, "training_data") == NULL && own->overrides->symbol_count == 0) {
    return strategy_refuse(own->tree, NULL, err, "training_data: it is needed");
  }
  mesh_code code = read_symbols(own, err);
  if (code == GRPC_STATUS_OK) code = read_timeframes(own, err);
  if (code == GRPC_STATUS_OK) code = read_base(own, err);
  if (code == GRPC_STATUS_OK) {
    code = read_time(own, "training_data.start_date", INT64_MIN, &own->out->from_s, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = read_time(own, "training_data.end_date", INT64_MAX, &own->out->to_s, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  const strategy_node *history = strategy_get(own->root, "training_data.history_required");
  own->out->history_required = history == NULL ? 0 : (int)history->number;
  if (own->out->history_required < 0 || own->out->history_required > HISTORY_MAX) {
    return strategy_refuse(own->tree, history, err, "history_required: %s is not in 0..%d bars",
                           history->text, HISTORY_MAX);
  }
  if (own->out->from_s < own->out->to_s) return GRPC_STATUS_OK;
  return strategy_refuse(own->tree, strategy_get(own->root, "training_data.end_date"), err,
                         "end_date: it is not after start_date");
}
