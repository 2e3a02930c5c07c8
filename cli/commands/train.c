#include "cli/commands/train.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/commands/strategy.h"
#include "cli/follow.h"
#include "cli/model_text.h"
#include "cli/source.h"
#include "cli/start_options.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/training.pb-c.h"

enum { LIST_MAX = 64, MODEL_TEXT_MAX = 600 };

// ---- the result ----

static void print_result(const Millrace__V1__TrainResult *result) {
  char parameters[NUMBERS_TEXT_MAX];
  numbers_count(result->parameters, parameters);
  model_print_metrics(stdout, "validation", result->validation);
  model_print_metrics(stdout, "test", result->test);
  char trained[MODEL_TEXT_MAX];
  mesh_text_format(trained, sizeof trained, "%s, %s, %d features, %s parameters, trained on %s",
                   result->symbols, result->timeframes, result->features, parameters,
                   result->device);
  row_print_more(stdout, trained, "model       %s version %d:", result->model, result->version);
}

static mesh_code follow_training(client *own, const char *method, const ProtobufCMessage *request,
                                 bool detached, mesh_error *err) {
  follow training = {.starts = true,
                     .shared_id = args_get(own->given, "request-id") != NULL,
                     .until_accepted = detached};
  mesh_code code = follow_run(&training, own, method, request, err);
  if (code == GRPC_STATUS_OK && training.outcome != NULL) {
    code = follow_conclude(&training, err);
    const Millrace__V1__Outcome *outcome = training.outcome;
    bool trained = outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED &&
                   outcome->succeeded->result_case == MILLRACE__V1__SUCCEEDED__RESULT_TRAIN;
    if (trained && !own->json) print_result(outcome->succeeded->train);
    bool cancelled = outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED;
    if (cancelled && !own->json) {
      print_text(stderr, "go on with it: millrace ops resume %s\n", training.name);
    }
  }
  follow_clear(&training);
  return code;
}

// ---- train ----

typedef struct word_list {
  char *copy, *words[LIST_MAX];  // copy is owned
  size_t count;
} word_list;

// "A,B,C"
static mesh_code read_list(const args *given, const char *flag, word_list *out, mesh_error *err) {
  const char *text = args_get(given, flag);
  if (text == NULL) return GRPC_STATUS_OK;
  out->copy = strdup(text);
  if (out->copy == NULL) abort();
  char *rest = out->copy;
  for (char *word; (word = strsep(&rest, ",")) != NULL;) {
    if (word[0] == '\0' || out->count == LIST_MAX) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--%s '%s': use up to %d words: A,B,C",
                       flag, text, LIST_MAX);
    }
    out->words[out->count++] = word;
  }
  return GRPC_STATUS_OK;
}

static mesh_code read_numbers(const args *given, Millrace__V1__TrainRequest *out, mesh_error *err) {
  int64_t epochs = 0, seed = 1, every = 0, seconds = 0;
  mesh_code code = args_get_number(given, "epochs", 1, 1000000, 0, &epochs, err);
  if (code == GRPC_STATUS_OK) code = args_get_number(given, "seed", 0, INT64_MAX, 1, &seed, err);
  if (code == GRPC_STATUS_OK) {
    code = args_get_number(given, "checkpoint-epochs", 1, 1000000, 0, &every, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = args_get_number(given, "checkpoint-seconds", 1, 86400, 0, &seconds, err);
  }
  out->epochs = (int32_t)epochs;
  out->seed = (uint64_t)seed;
  out->checkpoint_epochs = (int32_t)every;
  out->checkpoint_s = (int32_t)seconds;
  return code;
}

static void read_words(const args *given, Millrace__V1__TrainRequest *out) {
  static char *const devices[] = {"", "cpu", "cuda"};
  const char *device = args_get(given, "device"), *warmup = args_get(given, "warmup");
  out->device = devices[device == NULL ? 0 : strcmp(device, "cpu") == 0 ? 1 : 2];
  const char *precision = args_get(given, "precision");
  if (precision != NULL && strcmp(precision, "bf16") == 0) out->precision = "bf16";
  if (warmup != NULL && strcmp(warmup, "zero") == 0) {
    out->warmup = MILLRACE__V1__TRAIN_REQUEST__WARMUP__ZERO;
  }
}

static mesh_code train(client *own, Millrace__V1__TrainRequest *request, mesh_error *err) {
  bars_window window;
  start_options start;
  word_list symbols = {0}, timeframes = {0};
  mesh_code code = bars_window_read(own->given, &window, err);
  if (code == GRPC_STATUS_OK) code = start_options_read(own->given, &start, err);
  if (code == GRPC_STATUS_OK) code = read_numbers(own->given, request, err);
  if (code == GRPC_STATUS_OK) code = read_list(own->given, "symbols", &symbols, err);
  if (code == GRPC_STATUS_OK) code = read_list(own->given, "timeframes", &timeframes, err);
  if (code == GRPC_STATUS_OK) {
    read_words(own->given, request);
    request->n_symbols = symbols.count;
    request->symbols = symbols.words;
    request->n_timeframes = timeframes.count;
    request->timeframes = timeframes.words;
    request->from = window.from;
    request->to = window.to;
    request->start = &start.message;
    code = follow_training(own, "/millrace.v1.TrainingService/Train", &request->base,
                           start.message.detached, err);
  }
  free(symbols.copy);
  free(timeframes.copy);
  return code;
}

static mesh_code run_train(client *own, mesh_error *err) {
  Millrace__V1__TrainRequest request = MILLRACE__V1__TRAIN_REQUEST__INIT;
  mesh_bytes text;
  mesh_code code = strategy_file_read(own->given->words[0], &text, err);
  if (code != GRPC_STATUS_OK) return code;
  request.strategy = (char *)text.data;
  request.file = (char *)(uintptr_t)own->given->words[0];
  request.source = source_read(own->given);
  code = train(own, &request, err);
  free(text.data);
  return code;
}

int cmd_train(const command *self, const args *given) {
  return client_main(self, given, run_train);
}

// ---- resume ----

static mesh_code run_resume(client *own, mesh_error *err) {
  start_options start;
  mesh_code code = start_options_read(own->given, &start, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__ResumeRequest request = MILLRACE__V1__RESUME_REQUEST__INIT;
  request.operation = (char *)(uintptr_t)own->given->words[0];
  request.start = &start.message;
  return follow_training(own, "/millrace.v1.TrainingService/Resume", &request.base,
                         start.message.detached, err);
}

int cmd_resume(const command *self, const args *given) {
  return client_main(self, given, run_resume);
}
