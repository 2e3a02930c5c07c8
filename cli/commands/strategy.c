#include "cli/commands/strategy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "mesh/program/file.h"
#include "mesh/rpc/pack.h"
#include "millrace/v1/training.pb-c.h"

enum { STRATEGY_BYTES_MAX = 1 << 20 };

mesh_code strategy_file_read(const char *path, mesh_bytes *out, mesh_error *err) {
  mesh_code code = mesh_file_read(path, STRATEGY_BYTES_MAX, out, err);
  if (code != GRPC_STATUS_OK) return code;
  if (out->size_bytes > 0 && strlen((char *)out->data) == out->size_bytes) return code;
  free(out->data);
  *out = (mesh_bytes){0};
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s is no text file", path);
}

// ---- validate, features ----

typedef struct shown {
  bool features;  // these alone
} shown;

static void print_words(const char *what, char *const *words, size_t count) {
  print_text(stdout, "%-12s ", what);
  for (size_t i = 0; i < count; i++)
    print_text(stdout, "%s%s", i > 0 ? ", " : "", words[i]);
  print_text(stdout, "\n");
}

static void print_report(const Millrace__V1__StrategyReport *report) {
  char parameters[NUMBERS_TEXT_MAX];
  numbers_count(report->parameters, parameters);
  print_text(stdout, "%-12s %s\n", "strategy", report->name);
  print_words("symbols", report->symbols, report->n_symbols);
  print_words("timeframes", report->timeframes, report->n_timeframes);
  print_text(stdout, "%-12s the bars of %s\n", "rows", report->base_timeframe);
  print_text(stdout, "%-12s %zu\n", "features", report->n_features);
  print_text(stdout, "%-12s %s\n", "labels", report->labels);
  print_text(stdout, "%-12s %s (%s parameters)\n", "network", report->network, parameters);
  if (report->warning[0] != '\0') print_text(stdout, "%-12s %s\n", "warning", report->warning);
}

static mesh_code take_report(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  const shown *what = arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.StrategyReport", view, err);
  Millrace__V1__StrategyReport *report =
      mesh_message_unpack(&millrace__v1__strategy_report__descriptor, frame.data, frame.size_bytes);
  if (report == NULL) return client_bad_reply("StrategyReport", err);
  if (!what->features) print_report(report);
  for (size_t i = 0; i < report->n_features && what->features; i++)
    print_text(stdout, "%s\n", report->features[i]);
  millrace__v1__strategy_report__free_unpacked(report, NULL);
  return output_flush(err);
}

static mesh_code check(client *own, bool features, mesh_error *err) {
  mesh_bytes text;
  shown what = {features};
  mesh_code code = strategy_file_read(own->given->words[0], &text, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__CheckStrategyRequest request = MILLRACE__V1__CHECK_STRATEGY_REQUEST__INIT;
  request.strategy = (char *)text.data;
  request.file = (char *)(uintptr_t)own->given->words[0];
  code = client_call(own, "/millrace.v1.TrainingService/CheckStrategy", &request.base, take_report,
                     &what, err);
  free(text.data);
  return code;
}

static mesh_code run_validate(client *own, mesh_error *err) {
  return check(own, false, err);
}

static mesh_code run_features(client *own, mesh_error *err) {
  return check(own, true, err);
}

int cmd_strategy_validate(const command *self, const args *given) {
  return client_main(self, given, run_validate);
}

int cmd_strategy_features(const command *self, const args *given) {
  return client_main(self, given, run_features);
}

// ---- new ----

// What works on any series of prices, and shows each part of the grammar once.
static const char template_text[] =
    "name: \"%s_momentum\"\n"
    "version: \"3.0\"\n"
    "description: \"Fuzzy momentum and trend, for a network to begin with\"\n"
    "\n"
    "training_data:\n"
    "  symbols: {mode: single, symbol: %s}\n"
    "  timeframes: {mode: single, timeframe: %s}\n"
    "  history_required: 200\n"
    "\n"
    "indicators:\n"
    "  rsi_14: {type: rsi, period: 14}\n"
    "  macd_std: {type: macd, fast_period: 12, slow_period: 26, signal_period: 9}\n"
    "  bands: {type: bollinger_bands, period: 20, multiplier: 2.0}\n"
    "  stoch: {type: stochastic, k_period: 14, d_period: 3}\n"
    "  strength: {type: adx, period: 14}\n"
    "  away: {type: distance_from_ma, period: 50}\n"
    "\n"
    "fuzzy_sets:\n"
    "  rsi_momentum:\n"
    "    indicator: rsi_14\n"
    "    oversold: [0, 20, 40]\n"
    "    neutral: [30, 50, 70]\n"
    "    overbought: [60, 80, 100]\n"
    "  stoch_place:\n"
    "    indicator: stoch.k\n"
    "    low: {type: trapezoidal, parameters: [-1, 0, 15, 35]}\n"
    "    middle: {type: gaussian, parameters: [50, 15]}\n"
    "    high: {type: trapezoidal, parameters: [65, 85, 100, 101]}\n"
    "  trend_strength:\n"
    "    indicator: strength.adx\n"
    "    weak: [0, 10, 25]\n"
    "    strong: {type: sigmoid, parameters: [25, 0.3]}\n"
    "  distance:\n"
    "    indicator: away\n"
    "    below: [-5, -1, 0]\n"
    "    near: [-0.5, 0, 0.5]\n"
    "    above: [0, 1, 5]\n"
    "\n"
    "nn_inputs:\n"
    "  - {fuzzy_set: rsi_momentum, timeframes: all}\n"
    "  - {fuzzy_set: stoch_place, timeframes: all}\n"
    "  - {fuzzy_set: trend_strength, timeframes: all}\n"
    "  - {fuzzy_set: distance, timeframes: all}\n"
    "  - {raw_indicator: macd_std.histogram, timeframes: all, normalization: zscore}\n"
    "\n"
    "model:\n"
    "  type: mlp\n"
    "  architecture: {hidden_layers: [64, 32], activation: relu, dropout: 0.1}\n"
    "  training:\n"
    "    learning_rate: 0.001\n"
    "    batch_size: 32\n"
    "    epochs: 40\n"
    "    optimizer: adam\n"
    "    early_stopping: {enabled: true, patience: 10, min_delta: 0.0005, monitor: val_loss}\n"
    "\n"
    "decisions: {output_format: classification, confidence_threshold: 0.5}\n"
    "\n"
    "training:\n"
    "  method: supervised\n"
    "  labels: {source: zigzag, zigzag_threshold: 0.01}\n"
    "  data_split: {train: 0.7, validation: 0.15, test: 0.15}\n";

int cmd_strategy_new(const command *self, const args *given) {
  (void)self;
  const char *symbol = args_get(given, "symbol"), *timeframe = args_get(given, "timeframe");
  if (symbol == NULL) symbol = "EURUSD";
  if (timeframe == NULL) timeframe = "1h";
  const char *output = args_get(given, "output");
  if (output == NULL || strcmp(output, "json") != 0) {
    print_text(stdout, template_text, symbol, symbol, timeframe);
    return EXIT_CODE_DONE;
  }
  char *text;
  size_t size;
  FILE *file = open_memstream(&text, &size);
  if (file == NULL) abort();
  print_text(file, template_text, symbol, symbol, timeframe);
  if (fclose(file) != 0) abort();
  print_text(stdout, "{\"strategy\":");
  print_json_string(stdout, text);
  print_text(stdout, "}\n");
  free(text);
  return EXIT_CODE_DONE;
}
