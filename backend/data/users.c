#include "backend/data/users.h"

#include <string.h>

#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/training.pb-c.h"

typedef struct wanted {
  const series_key *key;
  const char *const *texts;
  size_t count;
} wanted;

// In its normal form, as requests are when they are carried out; not as they are kept.
static bool is_instrument(const wanted *series, const char *text) {
  char normal[INSTRUMENT_NAME_MAX];
  if (strlen(text) >= sizeof normal) return false;
  mesh_text_copy(normal, sizeof normal, text);
  instrument_normalize(normal);
  for (size_t i = 0; i < series->count; i++) {
    if (strcmp(series->texts[i], normal) == 0) return true;
  }
  return false;
}

// ---- loads ----

static bool is_empty_or(const char *asked, const char *is) {
  return asked[0] == '\0' || strcmp(asked, is) == 0;
}

// Names as they are stored, whatever the case of what was asked.
static void fill_variant(const series_defaults *defaults, const Millrace__V1__LoadRequest *request,
                         series_choice *out) {
  const char *prices = "", *session = "";
  mesh_error ignored;
  if (prices_parse(request->prices, &prices, &ignored) != GRPC_STATUS_OK) prices = "";
  if (session_parse(request->session, &session, &ignored) != GRPC_STATUS_OK) session = "";
  series_key asked = {.prices = prices, .session = session};
  series_fill_defaults(&asked, defaults, out);
}

static bool loads_it(const series_defaults *defaults, const wanted *series,
                     const Millrace__V1__LoadRequest *request) {
  const series_key *key = series->key;
  series_choice usual = {0};
  mesh_text_copy(usual.symbol, sizeof usual.symbol, key->symbol);
  fill_variant(defaults, request, &usual);
  return strcmp(request->timeframe, key->timeframe) == 0 &&
         is_empty_or(request->source, key->source) && strcmp(usual.prices, key->prices) == 0 &&
         strcmp(usual.session, key->session) == 0 && is_instrument(series, request->symbol);
}

// Those that have not begun count, too.
static bool loads_it_among_many(const series_defaults *defaults, const wanted *series,
                                mesh_view request) {
  Millrace__V1__LoadManyRequest *many = mesh_message_unpack(
      &millrace__v1__load_many_request__descriptor, request.data, request.size_bytes);
  if (many == NULL || many->each == NULL) {
    if (many != NULL) millrace__v1__load_many_request__free_unpacked(many, NULL);
    return true;
  }
  bool uses = false;
  Millrace__V1__LoadRequest one = *many->each;
  for (size_t i = 0; i < many->n_symbols && !uses; i++) {
    for (size_t k = 0; k < many->n_timeframes && !uses; k++) {
      one.symbol = many->symbols[i];
      one.timeframe = many->timeframes[k];
      uses = loads_it(defaults, series, &one);
    }
  }
  millrace__v1__load_many_request__free_unpacked(many, NULL);
  return uses;
}

// ---- trainings ----

// What separates words of YAML. A colon within one does not: EUR:CASH:IDEALPRO:USD.
#define SEPARATORS " \t\r\n\"'[]{},"

typedef bool (*is_word)(const wanted *series, const char *word);

static bool is_timeframe(const wanted *series, const char *word) {
  return strcmp(series->key->timeframe, word) == 0;
}

// Copies the word at `at`, without the colon of a key; false where it is too long to be meant.
static bool copy_word(const char *at, size_t size, char out[INSTRUMENT_NAME_MAX]) {
  while (size > 0 && at[size - 1] == ':')
    size--;
  if (size == 0 || size >= INSTRUMENT_NAME_MAX) return false;
  memcpy(out, at, size);
  out[size] = '\0';
  return true;
}

// The words of a file, and each with the one behind it: "BRK B". More than what the file means by
// them, so that nothing is left out; with an escape, anything may be in it. libyaml would know more
// and take longer than a write of the store may, with what a stranger has made for that.
static bool has_word(const char *text, const wanted *series, is_word matches) {
  char word[INSTRUMENT_NAME_MAX], both[INSTRUMENT_NAME_MAX] = "";
  if (strchr(text, '\\') != NULL) return true;
  for (const char *at = text + strspn(text, SEPARATORS); *at != '\0';) {
    size_t size = strcspn(at, SEPARATORS);
    bool whole = copy_word(at, size, word);
    if (whole && matches(series, word)) return true;
    bool joined = whole && both[0] != '\0' && strlen(both) + strlen(word) + 2 <= sizeof both;
    if (joined) mesh_text_append(both, sizeof both, " %s", word);
    if (joined && matches(series, both)) return true;
    mesh_text_copy(both, sizeof both, whole ? word : "");
    at += size;
    at += strspn(at, SEPARATORS);
  }
  return false;
}

static bool is_given(char *const *given, size_t count, const wanted *series, is_word matches) {
  for (size_t i = 0; i < count; i++) {
    if (matches(series, given[i])) return true;
  }
  return false;
}

static bool trains_on_it(const wanted *series, const Millrace__V1__TrainRequest *request) {
  if (!is_empty_or(request->source, series->key->source)) return false;
  bool symbol = request->n_symbols > 0
                    ? is_given(request->symbols, request->n_symbols, series, is_instrument)
                    : has_word(request->strategy, series, is_instrument);
  if (!symbol) return false;
  return request->n_timeframes > 0
             ? is_given(request->timeframes, request->n_timeframes, series, is_timeframe)
             : has_word(request->strategy, series, is_timeframe);
}

// ---- both ----

bool users_may_use(const series_defaults *defaults, const series_key *key, const char *const *texts,
                   size_t count, const char *kind, mesh_view request) {
  wanted series = {key, texts, count};
  bool is_load = strcmp(kind, "load") == 0;
  if (strcmp(kind, "load-many") == 0) return loads_it_among_many(defaults, &series, request);
  if (!is_load && strcmp(kind, "train") != 0) return false;
  ProtobufCMessage *message = mesh_message_unpack(
      is_load ? &millrace__v1__load_request__descriptor : &millrace__v1__train_request__descriptor,
      request.data, request.size_bytes);
  if (message == NULL) return true;
  bool uses = is_load ? loads_it(defaults, &series, (const Millrace__V1__LoadRequest *)message)
                      : trains_on_it(&series, (const Millrace__V1__TrainRequest *)message);
  protobuf_c_message_free_unpacked(message, NULL);
  return uses;
}
