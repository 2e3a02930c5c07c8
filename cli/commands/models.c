#include "cli/commands/models.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/model_text.h"
#include "cli/out_file.h"
#include "cli/source.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "market/series_key.h"
#include "market/times.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/models.pb-c.h"

enum { VERSION_MAX = 1000000, LAST_BARS = 20, RETRY_S = 30, MODEL_NAME_MAX = 64 };

// ---- list, compare ----

static mesh_code take_row(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  int *rows = arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.Model", view, err);
  Millrace__V1__Model *model =
      mesh_message_unpack(&millrace__v1__model__descriptor, frame.data, frame.size_bytes);
  if (model == NULL) return client_bad_reply("Model", err);
  if ((*rows)++ == 0) model_print_header(stdout);
  model_print_row(stdout, model);
  millrace__v1__model__free_unpacked(model, NULL);
  return output_flush(err);
}

static mesh_code list(client *own, const char *name, int *rows, mesh_error *err) {
  Millrace__V1__ListModelsRequest request = MILLRACE__V1__LIST_MODELS_REQUEST__INIT;
  request.name = (char *)(uintptr_t)name;
  return client_call(own, "/millrace.v1.ModelsService/List", &request.base, take_row, rows, err);
}

static mesh_code run_list(client *own, mesh_error *err) {
  int rows = 0;
  mesh_code code = list(own, own->given->word_count > 0 ? own->given->words[0] : "", &rows, err);
  if (code == GRPC_STATUS_OK && rows == 0 && !own->json) {
    print_text(stdout, "no models; millrace train STRATEGY.yaml makes one\n");
  }
  return code;
}

int cmd_models_list(const command *self, const args *given) {
  return client_main(self, given, run_list);
}

// "NAME" or "NAME:VERSION". Names have no colon; where --version says which (`is_name`), one of an
// older mesh that has is taken, too.
static mesh_code read_name(const char *word, bool is_name, char name[MODEL_NAME_MAX],
                           int64_t *version, mesh_error *err) {
  const char *colon = is_name ? NULL : strrchr(word, ':');
  char *end = NULL;
  size_t size = colon == NULL ? strlen(word) : (size_t)(colon - word);
  *version = colon == NULL ? 0 : strtoll(colon + 1, &end, 10);
  bool bad =
      colon != NULL && (*end != '\0' || end == colon + 1 || *version < 1 || *version > VERSION_MAX);
  if (bad || size == 0 || size >= MODEL_NAME_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "'%s': use NAME or NAME:VERSION", word);
  }
  memcpy(name, word, size);
  name[size] = '\0';
  return GRPC_STATUS_OK;
}

static mesh_code run_compare(client *own, mesh_error *err) {
  int rows = 0;
  for (int i = 0; i < own->given->word_count; i++) {
    char name[MODEL_NAME_MAX];
    int64_t version;
    mesh_code code = read_name(own->given->words[i], false, name, &version, err);
    if (code != GRPC_STATUS_OK) return code;
    Millrace__V1__ModelRequest request = MILLRACE__V1__MODEL_REQUEST__INIT;
    request.name = name;
    request.version = (int32_t)version;
    bool all = version == 0 && own->given->word_count == 1;
    code = all ? list(own, name, &rows, err)
               : client_call(own, "/millrace.v1.ModelsService/Get", &request.base, take_row, &rows,
                             err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

int cmd_models_compare(const command *self, const args *given) {
  return client_main(self, given, run_compare);
}

// ---- show ----

static mesh_code take_whole(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.Model", view, err);
  Millrace__V1__Model *model =
      mesh_message_unpack(&millrace__v1__model__descriptor, frame.data, frame.size_bytes);
  if (model == NULL) return client_bad_reply("Model", err);
  model_print_whole(stdout, model, output_columns());
  millrace__v1__model__free_unpacked(model, NULL);
  return output_flush(err);
}

// The first word and --version: which model. `name` is the message's.
static mesh_code read_model(const client *own, char name[MODEL_NAME_MAX], int64_t *version,
                            mesh_error *err) {
  int64_t given = 0;
  mesh_code code = args_get_number(own->given, "version", 1, VERSION_MAX, 0, &given, err);
  if (code == GRPC_STATUS_OK) {
    code = read_name(own->given->words[0], given > 0, name, version, err);
  }
  if (given > 0) *version = given;
  return code;
}

static mesh_code read_request(const client *own, Millrace__V1__ModelRequest *out,
                              char name[MODEL_NAME_MAX], mesh_error *err) {
  int64_t version = 0;
  mesh_code code = read_model(own, name, &version, err);
  millrace__v1__model_request__init(out);
  out->name = name;
  out->version = (int32_t)version;
  return code;
}

static mesh_code run_show(client *own, mesh_error *err) {
  Millrace__V1__ModelRequest request;
  char name[MODEL_NAME_MAX];
  mesh_code code = read_request(own, &request, name, err);
  if (code != GRPC_STATUS_OK) return code;
  return client_call(own, "/millrace.v1.ModelsService/Get", &request.base, take_whole, NULL, err);
}

int cmd_models_show(const command *self, const args *given) {
  return client_main(self, given, run_show);
}

// ---- predict ----

typedef struct signals {
  int64_t heard_ns;  // when the last one came, monotonic
  int64_t shown_s;   // the time of the bar on the line that is still open; 0: none is
  int64_t ended_s;   // of the last bar that has ended; a call that is made again repeats some
  bool warned, told;
} signals;

static void print_signal(const client *own, signals *state, const Millrace__V1__Signal *signal) {
  char time[TIMES_TEXT_MAX] = "-";
  int64_t time_s = signal->time != NULL ? signal->time->seconds : 0;
  if (signal->time != NULL) times_format(time_s, time);
  // On a terminal a bar that still forms is drawn over.
  if (own->terminal)
    print_text(stdout, state->shown_s == 0 ? "" : state->shown_s == time_s ? "\r\033[K" : "\n");
  print_text(stdout, "%s  %12.5f  %-5s", time, signal->close, signal->signal);
  for (size_t i = 0; i < signal->n_outputs; i++)
    print_text(stdout, signal->n_outputs > 1 ? "  %.3f" : "  %.6f", signal->outputs[i]);
  if (signal->forming) print_text(stdout, "  so far");
  if (!own->terminal || !signal->forming) print_text(stdout, "\n");
  state->shown_s = own->terminal && signal->forming ? time_s : 0;
}

static mesh_code take_signal(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  signals *state = arg;
  mesh_view view = {frame.data, frame.size_bytes};
  Millrace__V1__Signal *signal =
      mesh_message_unpack(&millrace__v1__signal__descriptor, frame.data, frame.size_bytes);
  if (signal == NULL) return client_bad_reply("Signal", err);
  state->heard_ns = mesh_now_ns();
  int64_t time_s = signal->time != NULL ? signal->time->seconds : 0;
  bool shown = time_s <= state->ended_s;
  if (!signal->forming && !shown) state->ended_s = time_s;
  if (!own->json && signal->warning[0] != '\0' && !state->warned) {
    print_text(stderr, "millrace: warning: %s\n", signal->warning);
    state->warned = true;
  }
  if (!own->json && !state->told && strcmp(signal->source, SERIES_SOURCE_PAPERGATE) == 0) {
    print_text(stderr, "millrace: the stored bars are simulated (papergate)\n");
  }
  state->told = true;
  if (!shown && !own->json) print_signal(own, state, signal);
  millrace__v1__signal__free_unpacked(signal, NULL);
  if (shown) return GRPC_STATUS_OK;
  return own->json ? client_print_json(own, "millrace.v1.Signal", view, err) : output_flush(err);
}

// Live signals go on where a host or a backend is started again.
static mesh_code call_predict(client *own, Millrace__V1__PredictRequest *request, mesh_error *err) {
  signals state = {.ended_s = INT64_MIN};
  int64_t since_ns = mesh_now_ns();
  mesh_code code;
  for (int attempt = 1;; attempt++) {
    code = client_call(own, "/millrace.v1.ModelsService/Predict", &request->base, take_signal,
                       &state, err);
    if (code != GRPC_STATUS_UNAVAILABLE || !request->live) break;
    if (state.heard_ns > since_ns) {
      attempt = 1;
      since_ns = mesh_now_ns();
      request->last = 1;
    }
    own->streaming = state.heard_ns > 0;
    if (client_retry(own, attempt, since_ns, RETRY_S, err) != GRPC_STATUS_OK) break;
  }
  if (state.shown_s != 0) print_text(stdout, "\n");
  return code;
}

static mesh_code run_predict(client *own, mesh_error *err) {
  bars_window window;
  int64_t version = 0, last = 0;
  char name[MODEL_NAME_MAX];
  const char *symbol = args_get(own->given, "symbol");
  mesh_code code = bars_window_read(own->given, &window, err);
  if (code == GRPC_STATUS_OK) {
    code = read_model(own, name, &version, err);
  }
  int64_t standard = window.from == NULL && window.to == NULL ? LAST_BARS : 0;
  if (code == GRPC_STATUS_OK) {
    code = args_get_number(own->given, "last", 1, INT32_MAX, standard, &last, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__PredictRequest request = MILLRACE__V1__PREDICT_REQUEST__INIT;
  request.name = name;
  request.version = (int32_t)version;
  request.source = source_read(own->given);
  if (symbol != NULL) request.symbol = (char *)(uintptr_t)symbol;
  request.from = window.from;
  request.to = window.to;
  request.last = last;
  request.live = args_get(own->given, "live") != NULL;
  if (!own->json) {
    print_text(stdout, "%-20s  %12s  %-5s  %s\n", "TIME", "CLOSE", "SAYS",
               "BUY, HOLD, SELL (or a return)");
  }
  return call_predict(own, &request, err);
}

int cmd_models_predict(const command *self, const args *given) {
  return client_main(self, given, run_predict);
}

// ---- export ----

static mesh_code take_chunk(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  mesh_bytes *file = arg;
  Millrace__V1__FileChunk *chunk =
      mesh_message_unpack(&millrace__v1__file_chunk__descriptor, frame.data, frame.size_bytes);
  if (chunk == NULL) return client_bad_reply("FileChunk", err);
  mesh_bytes_append(file, (mesh_view){chunk->data.data, chunk->data.len});
  millrace__v1__file_chunk__free_unpacked(chunk, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code write_out(client *own, const char *path, mesh_view file, mesh_error *err) {
  out_file out;
  mesh_code code = out_file_open(path, &out, err);
  if (code != GRPC_STATUS_OK) return code;
  bool told = !out.is_stdout;
  code = out_file_close(&out, out_file_write(&out, file, err), err);
  if (code != GRPC_STATUS_OK || !told) return code;
  if (own->json) {
    print_text(stdout, "{\"file\":");
    print_json_string(stdout, path);
    print_text(stdout, ",\"bytes\":%zu}\n", file.size_bytes);
  } else {
    print_text(stdout, "%zu bytes written to %s\n", file.size_bytes, path);
  }
  return output_flush(err);
}

// A name is a file's name, or this folder is not where the file would go.
static mesh_code check_file_name(const char *name, mesh_error *err) {
  const char *fault = mesh_text_file_name_fault(name, MODEL_NAME_MAX - 1);
  if (fault == NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "'%s' is no name for a file, since it %s: say where with --out FILE", name,
                   fault);
}

static const char *name_file(const Millrace__V1__ModelRequest *request, const char *ending,
                             char out[MODEL_NAME_MAX + 48]) {
  char version[24] = "";
  if (request->version > 0) snprintf(version, sizeof version, "-%d", request->version);
  snprintf(out, MODEL_NAME_MAX + 48, "%s%s.%s", request->name, version, ending);
  return out;
}

static mesh_code run_export(client *own, mesh_error *err) {
  Millrace__V1__ModelRequest request;
  char name[MODEL_NAME_MAX];
  mesh_bytes file = {0};
  const char *format = args_get(own->given, "format"), *out = args_get(own->given, "out");
  mesh_code code = read_request(own, &request, name, err);
  if (code == GRPC_STATUS_OK && out == NULL) code = check_file_name(name, err);
  if (code != GRPC_STATUS_OK) return code;
  bool onnx = format == NULL || strcmp(format, "onnx") == 0;
  const char *method =
      onnx ? "/millrace.v1.ModelsService/Export" : "/millrace.v1.ModelsService/Read";
  code = client_call(own, method, &request.base, take_chunk, &file, err);
  if (code == GRPC_STATUS_OK) {
    char file_name[MODEL_NAME_MAX + 48];
    if (out == NULL) out = name_file(&request, onnx ? "onnx" : "safetensors", file_name);
    code = write_out(own, out, mesh_bytes_view(file), err);
  }
  free(file.data);
  return code;
}

int cmd_models_export(const command *self, const args *given) {
  return client_main(self, given, run_export);
}

// ---- delete ----

static mesh_code take_deleted(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.DeleteModelResponse", view, err);
  Millrace__V1__DeleteModelResponse *response = mesh_message_unpack(
      &millrace__v1__delete_model_response__descriptor, frame.data, frame.size_bytes);
  if (response == NULL) return client_bad_reply("DeleteModelResponse", err);
  print_text(stdout, "%s version %d is deleted\n", (const char *)arg, response->version);
  millrace__v1__delete_model_response__free_unpacked(response, NULL);
  return output_flush(err);
}

static mesh_code run_delete(client *own, mesh_error *err) {
  Millrace__V1__ModelRequest request;
  char name[MODEL_NAME_MAX];
  mesh_code code = read_request(own, &request, name, err);
  if (code != GRPC_STATUS_OK) return code;
  return client_call(own, "/millrace.v1.ModelsService/Delete", &request.base, take_deleted, name,
                     err);
}

int cmd_models_delete(const command *self, const args *given) {
  return client_main(self, given, run_delete);
}
