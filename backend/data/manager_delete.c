#include "backend/data/manager_delete.h"

#include <stdlib.h>
#include <string.h>

#include "backend/data/manager.h"
#include "backend/data/query.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/training.pb-c.h"
#include "requests/data.h"

enum { TEXTS_MAX = 32 };

typedef struct delete_job {
  data_manager *self;
  const Millrace__V1__DeleteSeriesRequest *request;
  series_choice series;
  char texts[TEXTS_MAX][INSTRUMENT_NAME_MAX];  // that are the instrument, its name first
  size_t count;
  int64_t bars;
  mesh_error *err;
  mesh_code code;
} delete_job;

// ---- who works with it ----

static bool is_its_text(const delete_job *job, const char *text) {
  char normal[INSTRUMENT_NAME_MAX];
  mesh_text_copy(normal, sizeof normal, text);
  instrument_normalize(normal);
  for (size_t i = 0; i < job->count; i++) {
    if (strcmp(job->texts[i], normal) == 0) return true;
  }
  return false;
}

static bool may_be(const char *asked, const char *is) {
  return asked[0] == '\0' || strcmp(asked, is) == 0;
}

static bool is_its_load(const delete_job *job, mesh_view request) {
  Millrace__V1__LoadRequest *load = mesh_message_unpack(&millrace__v1__load_request__descriptor,
                                                        request.data, request.size_bytes);
  if (load == NULL) return false;
  bool same =
      is_its_text(job, load->symbol) && strcmp(load->timeframe, job->request->timeframe) == 0 &&
      may_be(load->source, job->series.source) && may_be(load->prices, job->series.prices) &&
      may_be(load->session, job->series.session);
  millrace__v1__load_request__free_unpacked(load, NULL);
  return same;
}

static bool has_word(const delete_job *job, char *const *words, size_t count, bool symbols) {
  for (size_t i = 0; i < count; i++) {
    if (symbols ? is_its_text(job, words[i]) : strcmp(words[i], job->request->timeframe) == 0) {
      return true;
    }
  }
  return false;
}

// A strategy's text is the host's to read. To see whether it may speak of the series its words are
// enough: one too many keeps a series that could go, one too few would take it from a training.
static bool text_has_word(const delete_job *job, const char *text, bool symbols) {
  static const char between[] = " \t\r\n,[]{}'\"#";
  char word[INSTRUMENT_NAME_MAX], *words[] = {word};
  while (*(text += strspn(text, between)) != '\0') {
    size_t size = strcspn(text, between), kept = size < sizeof word ? size : sizeof word - 1;
    memcpy(word, text, kept);
    word[kept] = '\0';
    if (has_word(job, words, 1, symbols)) return true;
    // "symbol:EURUSD", and EUR:CASH:IDEALPRO:USD as a whole above
    char *colon = strchr(word, ':');
    if (colon != NULL) words[0] = colon + 1;
    bool behind = colon != NULL && has_word(job, words, 1, symbols);
    words[0] = word;
    if (behind) return true;
    text += size;
  }
  return false;
}

static bool is_its_training(const delete_job *job, mesh_view request) {
  Millrace__V1__TrainRequest *train = mesh_message_unpack(&millrace__v1__train_request__descriptor,
                                                          request.data, request.size_bytes);
  if (train == NULL) return false;
  bool symbol = train->n_symbols > 0 ? has_word(job, train->symbols, train->n_symbols, true)
                                     : text_has_word(job, train->strategy, true);
  bool timeframe = train->n_timeframes > 0
                       ? has_word(job, train->timeframes, train->n_timeframes, false)
                       : text_has_word(job, train->strategy, false);
  bool source = may_be(train->source, job->series.source);
  millrace__v1__train_request__free_unpacked(train, NULL);
  return symbol && timeframe && source;
}

static bool is_user(void *arg, const store_operation *operation) {
  const delete_job *job = arg;
  if (strcmp(operation->kind, "load") == 0) return is_its_load(job, operation->request);
  return strcmp(operation->kind, "train") == 0 && is_its_training(job, operation->request);
}

// ---- the removal ----

static void take_text(void *arg, const char *text) {
  delete_job *job = arg;
  if (job->count == TEXTS_MAX) return;
  mesh_text_copy(job->texts[job->count++], INSTRUMENT_NAME_MAX, text);
}

static void do_delete(void *arg) {
  delete_job *job = arg;
  const Millrace__V1__DeleteSeriesRequest *request = job->request;
  store *store = job->self->store;
  series_key asked = {request->symbol, request->timeframe, request->source, request->prices,
                      request->session};
  job->code = series_choose(store, &asked, &job->self->options.defaults, &job->series, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  take_text(job, job->series.symbol);
  job->code =
      store_list_texts(store, job->series.source, job->series.symbol, take_text, job, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  series_choice shadow = series_shadow(&job->series);
  series_key key = series_choice_key(&job->series, request->timeframe),
             shadow_key = series_choice_key(&shadow, request->timeframe);
  job->code = store_remove_series(store, &key, is_user, job, &job->bars, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  // What was to take its place, if there is such.
  mesh_error none;
  mesh_code code = store_remove_series(store, &shadow_key, NULL, NULL, NULL, &none);
  if (code != GRPC_STATUS_OK && code != GRPC_STATUS_NOT_FOUND) {
    *job->err = none;
    job->code = code;
  }
}

static mesh_code send_gone(mesh_call *call, const delete_job *job, mesh_error *err) {
  Millrace__V1__DeleteSeriesResponse gone = MILLRACE__V1__DELETE_SERIES_RESPONSE__INIT;
  gone.symbol = (char *)job->series.symbol;
  gone.timeframe = job->request->timeframe;
  gone.source = (char *)job->series.source;
  gone.prices = (char *)job->series.prices;
  gone.session = (char *)job->series.session;
  gone.bars = job->bars;
  return mesh_message_send(call, &gone.base, err);
}

mesh_code data_manager_delete(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Millrace__V1__DeleteSeriesRequest *request =
      data_request_take(&millrace__v1__delete_series_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  delete_job *job = calloc(1, sizeof *job);
  if (job == NULL) abort();
  *job = (delete_job){.self = arg, .request = request, .err = err};
  mesh_code code = data_query(arg, mesh_call_scope(call), do_delete, job, err);
  if (code == GRPC_STATUS_OK) code = job->code;
  if (code == GRPC_STATUS_OK) code = send_gone(call, job, err);
  free(job);
  millrace__v1__delete_series_request__free_unpacked(request, NULL);
  return code;
}
