#include "requests/data.h"

#include <string.h>

#include "market/instrument.h"
#include "market/prices.h"
#include "market/series_key.h"
#include "market/timeframe.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "requests/take.h"

static mesh_code check_symbol(const char *symbol, mesh_error *err) {
  instrument found;
  mesh_code code = request_check_symbol(symbol, err);
  return code == GRPC_STATUS_OK ? instrument_parse(symbol, &found, err) : code;
}

static mesh_code check_series(const char *symbol, const char *timeframe_text, mesh_error *err) {
  const timeframe *found;
  mesh_code code = check_symbol(symbol, err);
  return code == GRPC_STATUS_OK ? timeframe_parse(timeframe_text, &found, err) : code;
}

// Both may be left out.
static mesh_code check_prices(const char *prices, const char *session, mesh_error *err) {
  const char *found;
  mesh_code code = GRPC_STATUS_OK;
  if (prices[0] != '\0') code = prices_parse(prices, &found, err);
  if (code == GRPC_STATUS_OK && session[0] != '\0') code = session_parse(session, &found, err);
  return code;
}

static mesh_code check_con_id(int64_t con_id, mesh_error *err) {
  return request_check_number("con_id", con_id, INT64_C(999999999999999), err);
}

static mesh_code check_pattern(const char *pattern, mesh_error *err) {
  if (pattern[0] != '\0') return request_check_name("pattern", pattern, err);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "pattern is empty: give a part of a symbol or of a name");
}

// A name that may be left out.
static mesh_code check_optional(const char *field, const char *name, mesh_error *err) {
  return name[0] == '\0' ? GRPC_STATUS_OK : request_check_name(field, name, err);
}

static mesh_code check_source(const char *source, mesh_error *err) {
  mesh_code code = check_optional("source", source, err);
  if (code != GRPC_STATUS_OK) return code;
  if (source[0] == '~') {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "source '%.*s': no source begins with ~",
                     MESH_TEXT_SHOWN(source, 40));
  }
  if (strlen(source) < SERIES_SOURCE_MAX - 1) return code;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "source has %zu bytes, at most %d",
                   strlen(source), SERIES_SOURCE_MAX - 2);
}

// ---- DataService, DataManager ----

static mesh_code check_load(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__LoadRequest *request = (const Millrace__V1__LoadRequest *)message;
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = request_check_window(request->from, request->to, err);
  if (code != GRPC_STATUS_OK) return code;
  code = check_source(request->source, err);
  if (code == GRPC_STATUS_OK) code = check_prices(request->prices, request->session, err);
  if (code != GRPC_STATUS_OK) return code;
  code = request_check_number("patience_ms", request->patience_ms, INT64_MAX, err);
  if (code != GRPC_STATUS_OK) return code;
  return request_check_number("mode", request->mode, MILLRACE__V1__LOAD_REQUEST__MODE__LOCAL, err);
}

static mesh_code check_load_many(const ProtobufCMessage *message, mesh_error *err) {
  enum { SERIES_MOST = 5000 };
  const Millrace__V1__LoadManyRequest *request = (const Millrace__V1__LoadManyRequest *)message;
  size_t symbols = request->n_symbols, timeframes = request->n_timeframes;
  if (symbols == 0 || timeframes == 0 || request->each == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "symbols, timeframes and each are needed: there are %zu and %zu", symbols,
                     timeframes);
  }
  if (symbols > SERIES_MOST || timeframes > SERIES_MOST || symbols * timeframes > SERIES_MOST) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "%zu symbols at %zu timeframes are too many: up to %d series", symbols,
                     timeframes, SERIES_MOST);
  }
  Millrace__V1__LoadRequest one = *request->each;
  mesh_code code = GRPC_STATUS_OK;
  for (size_t i = 0; i < symbols + timeframes && code == GRPC_STATUS_OK; i++) {
    one.symbol = request->symbols[i < symbols ? i : 0];
    one.timeframe = request->timeframes[i < symbols ? 0 : i - symbols];
    code = check_load(&one.base, err);
  }
  return code;
}

static mesh_code check_read(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__ReadRequest *request = (const Millrace__V1__ReadRequest *)message;
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = request_check_window(request->from, request->to, err);
  if (code == GRPC_STATUS_OK) code = check_source(request->source, err);
  if (code == GRPC_STATUS_OK) code = check_prices(request->prices, request->session, err);
  if (code != GRPC_STATUS_OK || request->last >= 0) return code;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "last is %lld: it counts bars",
                   (long long)request->last);
}

static mesh_code check_gaps(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__GapsRequest *request = (const Millrace__V1__GapsRequest *)message;
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = request_check_window(request->from, request->to, err);
  if (code == GRPC_STATUS_OK) code = check_source(request->source, err);
  return code == GRPC_STATUS_OK ? check_prices(request->prices, request->session, err) : code;
}

static mesh_code check_list(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__ListSeriesRequest *request = (const Millrace__V1__ListSeriesRequest *)message;
  return request->symbol[0] == '\0' ? GRPC_STATUS_OK : check_symbol(request->symbol, err);
}

static mesh_code check_describe(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__DescribeRequest *request = (const Millrace__V1__DescribeRequest *)message;
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = check_source(request->source, err);
  return code == GRPC_STATUS_OK ? check_prices(request->prices, request->session, err) : code;
}

static mesh_code check_validate(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__ValidateRequest *request = (const Millrace__V1__ValidateRequest *)message;
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = request_check_window(request->from, request->to, err);
  if (code == GRPC_STATUS_OK) code = check_source(request->source, err);
  return code == GRPC_STATUS_OK ? check_prices(request->prices, request->session, err) : code;
}

static mesh_code check_delete(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__DeleteSeriesRequest *request =
      (const Millrace__V1__DeleteSeriesRequest *)message;
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = check_source(request->source, err);
  return code == GRPC_STATUS_OK ? check_prices(request->prices, request->session, err) : code;
}

static mesh_code check_subscribe(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__SubscribeRequest *request = (const Millrace__V1__SubscribeRequest *)message;
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = request_check_window(request->from, NULL, err);
  // Its clock is the source's.
  if (code == GRPC_STATUS_OK) code = request_check_interval(request->after, NULL, err);
  if (code == GRPC_STATUS_OK) code = check_source(request->source, err);
  return code == GRPC_STATUS_OK ? check_prices(request->prices, request->session, err) : code;
}

static mesh_code check_search(const ProtobufCMessage *message, mesh_error *err) {
  return check_pattern(((const Millrace__V1__SearchRequest *)message)->pattern, err);
}

// ---- DataAdapter, IbHost: their clock may be another machine's, so nothing here knows "now" ----

static mesh_code check_fetch(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__FetchBarsRequest *request = (const Millrace__V1__FetchBarsRequest *)message;
  mesh_code code = check_optional("operation", request->operation, err);
  if (code == GRPC_STATUS_OK) code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = check_prices(request->prices, request->session, err);
  if (code == GRPC_STATUS_OK) code = check_con_id(request->con_id, err);
  if (code != GRPC_STATUS_OK) return code;
  if (request->from == NULL || request->to == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from and to are needed");
  }
  return request_check_interval(request->from, request->to, err);
}

static mesh_code check_watch(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__WatchBarsRequest *request = (const Millrace__V1__WatchBarsRequest *)message;
  mesh_code code = check_optional("operation", request->operation, err);
  if (code == GRPC_STATUS_OK) code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = request_check_interval(request->from, NULL, err);
  if (code == GRPC_STATUS_OK) code = request_check_interval(request->after, NULL, err);
  if (code == GRPC_STATUS_OK) code = check_source(request->source, err);
  return code == GRPC_STATUS_OK ? check_prices(request->prices, request->session, err) : code;
}

static mesh_code check_head(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__HeadTimestampRequest *request =
      (const Millrace__V1__HeadTimestampRequest *)message;
  mesh_code code = check_symbol(request->symbol, err);
  if (code == GRPC_STATUS_OK) code = check_prices(request->prices, request->session, err);
  return code == GRPC_STATUS_OK ? check_con_id(request->con_id, err) : code;
}

static mesh_code check_resolve(const ProtobufCMessage *message, mesh_error *err) {
  return check_symbol(((const Millrace__V1__ResolveContractRequest *)message)->symbol, err);
}

static mesh_code check_symbols(const ProtobufCMessage *message, mesh_error *err) {
  return check_pattern(((const Millrace__V1__SearchSymbolsRequest *)message)->pattern, err);
}

static mesh_code check_stopped(const ProtobufCMessage *message, mesh_error *err) {
  const Millrace__V1__AwaitStoppedRequest *request =
      (const Millrace__V1__AwaitStoppedRequest *)message;
  return request_check_name("operation", request->operation, err);
}

static const request_check table[] = {
    {&millrace__v1__load_request__descriptor, check_load},
    {&millrace__v1__load_many_request__descriptor, check_load_many},
    {&millrace__v1__read_request__descriptor, check_read},
    {&millrace__v1__gaps_request__descriptor, check_gaps},
    {&millrace__v1__list_series_request__descriptor, check_list},
    {&millrace__v1__describe_request__descriptor, check_describe},
    {&millrace__v1__validate_request__descriptor, check_validate},
    {&millrace__v1__delete_series_request__descriptor, check_delete},
    {&millrace__v1__subscribe_request__descriptor, check_subscribe},
    {&millrace__v1__search_request__descriptor, check_search},
    {&millrace__v1__fetch_bars_request__descriptor, check_fetch},
    {&millrace__v1__watch_bars_request__descriptor, check_watch},
    {&millrace__v1__head_timestamp_request__descriptor, check_head},
    {&millrace__v1__resolve_contract_request__descriptor, check_resolve},
    {&millrace__v1__search_symbols_request__descriptor, check_symbols},
    {&millrace__v1__await_stopped_request__descriptor, check_stopped},
};

static const request_table all = {table, sizeof table / sizeof *table};

// The text of a field, to be changed where it lies; NULL: there is none, or it is empty.
static char *text_of(ProtobufCMessage *message, const char *name) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
  if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING) return NULL;
  char *text = *(char **)((char *)message + field->offset);
  return text[0] != '\0' ? text : NULL;
}

// Whatever was written, what follows sees one form of it. All is known to be right.
static void normalize(ProtobufCMessage *request) {
  mesh_error ignored;
  const char *found;
  char *symbol = text_of(request, "symbol"), *prices = text_of(request, "prices"),
       *session = text_of(request, "session");
  if (symbol != NULL) instrument_normalize(symbol);
  if (prices != NULL && prices_parse(prices, &found, &ignored) == GRPC_STATUS_OK) {
    memcpy(prices, found, strlen(prices));
  }
  if (session != NULL && session_parse(session, &found, &ignored) == GRPC_STATUS_OK) {
    memcpy(session, found, strlen(session));
  }
}

void *data_request_take(const ProtobufCMessageDescriptor *type, mesh_frame frame, mesh_error *err) {
  ProtobufCMessage *request = request_take(&all, type, frame, err);
  if (request != NULL) normalize(request);
  return request;
}

mesh_code data_request_check(const ProtobufCMessageDescriptor *type, mesh_frame frame,
                             mesh_error *err) {
  return request_pass(&all, type, frame, err);
}
