// Replies.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/ib/codec.h"
#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"

enum {
  BAR_FIELDS = 8,     // date, open, high, low, close, volume, WAP, count
  BAR_BYTES_MIN = 8,  // a NUL each
  SYMBOL_BYTES_MIN = 8,
};

static mesh_code check(const ib_fields *fields, const char *message, mesh_error *err) {
  if (fields->bad_field == 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the gateway's %s message is malformed at field %d",
                   message, fields->bad_field);
}

mesh_code ib_decode_greeting(ib_message message, ib_greeting *out, mesh_error *err) {
  ib_fields fields = ib_fields_of(message);
  int64_t number = ib_take_int(&fields, 0);
  out->simulated = mesh_text_ends_with(ib_take_text(&fields), " papergate");  // of the time
  mesh_code code = check(&fields, "version", err);
  if (code != GRPC_STATUS_OK) return code;
  if (number < IB_OLDEST_VERSION || number > IB_NEWEST_VERSION) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "the gateway answers with version %lld; this host speaks %d to %d",
                     (long long)number, IB_OLDEST_VERSION, IB_NEWEST_VERSION);
  }
  out->version = (int)number;
  return GRPC_STATUS_OK;
}

// What a gateway says is shown to people, who get no control character of it.
static void take_text(ib_fields *fields, char *out, size_t capacity) {
  const char *text = ib_take_text(fields);
  mesh_text_escape(out, capacity, text, strlen(text));
}

mesh_code ib_decode_error(ib_fields *fields, ib_error_reply *out, mesh_error *err) {
  ib_skip(fields, 1);
  out->request = (int)ib_take_int(fields, -1);
  out->code = (int)ib_take_int(fields, 0);
  take_text(fields, out->text, sizeof out->text);
  return check(fields, "error", err);
}

// ---- times ----

// YYYYMMDD as seconds since 1970; false if it is none.
static bool parse_day(const char *text, int64_t *time_s) {
  int year, month, day;
  if (sscanf(text, "%4d%2d%2d", &year, &month, &day) != 3) return false;
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  struct tm utc = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
  *time_s = (int64_t)timegm(&utc);
  return true;
}

// A bar's time with formatDate 2: eight digits are a day, more are seconds since 1970.
static bool parse_time(const char *text, int64_t *time_s) {
  size_t size = strspn(text, "0123456789");
  if (text[size] != '\0' || size == 0 || size > 15) return false;
  if (size == 8) return parse_day(text, time_s);
  *time_s = strtoll(text, NULL, 10);
  return mesh_is_timestamp(*time_s, 0);  // milliseconds are none
}

mesh_code ib_decode_head(ib_fields *fields, int64_t *time_s, mesh_error *err) {
  const char *text = ib_take_text(fields);
  mesh_code code = check(fields, "headTimestamp", err);
  if (code != GRPC_STATUS_OK) return code;
  if (parse_time(text, time_s)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the gateway's head timestamp '%.*s' is no time",
                   MESH_TEXT_SHOWN(text, 32));
}

// ---- contracts ----

mesh_code ib_decode_contract(ib_fields *fields, ib_contract *out, mesh_error *err) {
  *out = (ib_contract){0};
  take_text(fields, out->symbol, sizeof out->symbol);
  take_text(fields, out->sec_type, sizeof out->sec_type);
  take_text(fields, out->expiry, sizeof out->expiry);
  out->expiry[strcspn(out->expiry, " -")] = '\0';  // a time may follow
  ib_skip(fields, 2);                              // strike, right
  take_text(fields, out->exchange, sizeof out->exchange);
  take_text(fields, out->currency, sizeof out->currency);
  take_text(fields, out->local_symbol, sizeof out->local_symbol);
  ib_skip(fields, 1);  // market name
  take_text(fields, out->trading_class, sizeof out->trading_class);
  out->con_id = ib_take_int(fields, 0);
  out->min_tick = ib_take_double(fields, 0);
  ib_skip(fields, 5);  // multiplier, order types, valid exchanges, price magnifier, underlying
  take_text(fields, out->long_name, sizeof out->long_name);
  take_text(fields, out->primary_exchange, sizeof out->primary_exchange);
  ib_skip(fields, 4);  // contract month, industry, category, subcategory
  take_text(fields, out->time_zone, sizeof out->time_zone);
  return check(fields, "contractData", err);
}

mesh_code ib_decode_bond(ib_fields *fields, ib_contract *out, mesh_error *err) {
  *out = (ib_contract){0};
  take_text(fields, out->symbol, sizeof out->symbol);
  take_text(fields, out->sec_type, sizeof out->sec_type);
  take_text(fields, out->local_symbol, sizeof out->local_symbol);  // CUSIP
  ib_skip(fields, 1);                                              // coupon
  take_text(fields, out->expiry, sizeof out->expiry);
  out->expiry[strcspn(out->expiry, " -")] = '\0';
  ib_skip(fields, 7);  // issue date, ratings, types, convertible, callable, putable
  take_text(fields, out->long_name, sizeof out->long_name);
  take_text(fields, out->exchange, sizeof out->exchange);
  take_text(fields, out->currency, sizeof out->currency);
  ib_skip(fields, 1);  // market name
  take_text(fields, out->trading_class, sizeof out->trading_class);
  out->con_id = ib_take_int(fields, 0);
  out->min_tick = ib_take_double(fields, 0);
  return check(fields, "bondContractData", err);
}

mesh_code ib_decode_symbol_count(ib_fields *fields, size_t *count, mesh_error *err) {
  int64_t said = ib_take_int(fields, 0);
  int64_t room = (fields->end - fields->at) / SYMBOL_BYTES_MIN;
  mesh_code code = check(fields, "symbolSamples", err);
  if (code != GRPC_STATUS_OK) return code;
  if (said < 0 || said > room) {
    return mesh_fail(
        err, GRPC_STATUS_DATA_LOSS,
        "the gateway's symbolSamples message says %lld contracts and has room for %lld",
        (long long)said, (long long)room);
  }
  *count = (size_t)said;
  return GRPC_STATUS_OK;
}

mesh_code ib_decode_symbol(ib_fields *fields, ib_contract *out, mesh_error *err) {
  *out = (ib_contract){0};
  out->con_id = ib_take_int(fields, 0);
  take_text(fields, out->symbol, sizeof out->symbol);
  take_text(fields, out->sec_type, sizeof out->sec_type);
  take_text(fields, out->primary_exchange, sizeof out->primary_exchange);
  take_text(fields, out->currency, sizeof out->currency);
  int64_t derivatives = ib_take_int(fields, 0);
  if (derivatives < 0 || derivatives > fields->end - fields->at) derivatives = 0;
  ib_skip(fields, (int)derivatives);
  take_text(fields, out->long_name, sizeof out->long_name);
  ib_skip(fields, 1);  // issuer id
  return check(fields, "symbolSamples", err);
}

// ---- bars ----

mesh_code ib_decode_bars_head(ib_fields *fields, size_t *count, mesh_error *err) {
  ib_skip(fields, 2);  // the window that was asked for
  int64_t said = ib_take_int(fields, 0);
  mesh_code code = check(fields, "historicalData", err);
  if (code != GRPC_STATUS_OK) return code;
  int64_t room = (fields->end - fields->at) / BAR_BYTES_MIN;
  if (said < 0 || said > room) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "the gateway's historicalData message says %lld bars and has room for %lld",
                     (long long)said, (long long)room);
  }
  *count = (size_t)said;
  return GRPC_STATUS_OK;
}

mesh_code ib_decode_bars(ib_fields *fields, size_t count, int64_t from_s, int64_t to_s,
                         bar_columns *out, mesh_error *err) {
  bar_columns_reserve(out, out->count + count);
  for (size_t i = 0; i < count; i++) {
    const char *date = ib_take_text(fields);
    size_t at = out->count;
    int64_t time_s = 0;
    bool dated = parse_time(date, &time_s);
    out->times[at] = time_s;
    out->open[at] = ib_take_double(fields, NAN);
    out->high[at] = ib_take_double(fields, NAN);
    out->low[at] = ib_take_double(fields, NAN);
    out->close[at] = ib_take_double(fields, NAN);
    double volume = ib_take_double(fields, NAN);
    out->volume[at] = volume == -1 ? NAN : volume;  // -1: the series has none
    ib_skip(fields, BAR_FIELDS - 6);                // WAP, count
    mesh_code code = check(fields, "historicalData", err);
    if (code != GRPC_STATUS_OK) return code;
    if (!dated) {
      return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                       "bar %zu of the gateway's historicalData message has the date '%.*s'", i + 1,
                       MESH_TEXT_SHOWN(date, 32));
    }
    if (time_s >= from_s && time_s < to_s) out->count++;
  }
  return GRPC_STATUS_OK;
}

mesh_code ib_decode_bar_update(ib_fields *fields, bar_columns *out, mesh_error *err) {
  bar_columns_reserve(out, 1);
  ib_skip(fields, 1);  // count of trades
  const char *date = ib_take_text(fields);
  out->open[0] = ib_take_double(fields, NAN);
  out->close[0] = ib_take_double(fields, NAN);  // before high and low, unlike in a history
  out->high[0] = ib_take_double(fields, NAN);
  out->low[0] = ib_take_double(fields, NAN);
  ib_skip(fields, 1);  // WAP
  double volume = ib_take_double(fields, NAN);
  out->volume[0] = volume == -1 ? NAN : volume;
  out->count = 1;
  mesh_code code = check(fields, "historicalDataUpdate", err);
  if (code != GRPC_STATUS_OK) return code;
  if (parse_time(date, &out->times[0])) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "a live bar of the gateway has the date '%.*s'",
                   MESH_TEXT_SHOWN(date, 32));
}
