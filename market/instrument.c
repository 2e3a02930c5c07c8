#include "market/instrument.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "market/currency.h"
#include "market/prices.h"
#include "mesh/runtime/text.h"

enum { CODE = 3, PARTS_MAX = 5, CON_ID_DIGITS = 15 };

static const struct {
  const char *symbol, *exchange, *currency;
} indexes[] = {
    {"SPX", "CBOE", "USD"},     {"VIX", "CBOE", "USD"},    {"XSP", "CBOE", "USD"},
    {"DJI", "CME", "USD"},      {"INDU", "CME", "USD"},    {"NDX", "NASDAQ", "USD"},
    {"COMP", "NASDAQ", "USD"},  {"RUT", "RUSSELL", "USD"}, {"DAX", "EUREX", "EUR"},
    {"ESTX50", "EUREX", "EUR"},
};

static const struct {
  const char *kind, *prices, *session;
} kinds[] = {
    {"STK", "TRADES", SESSION_REGULAR},   {"IND", "TRADES", SESSION_REGULAR},
    {"BOND", "TRADES", SESSION_REGULAR},  {"CASH", "MIDPOINT", SESSION_ALL},
    {"CMDTY", "MIDPOINT", SESSION_ALL},   {"CFD", "MIDPOINT", SESSION_ALL},
    {"CRYPTO", "AGGTRADES", SESSION_ALL}, {"FUT", "TRADES", SESSION_ALL},
    {"CONTFUT", "TRADES", SESSION_ALL},
};

enum { KINDS = sizeof kinds / sizeof *kinds, INDEXES = sizeof indexes / sizeof *indexes };

// The place of a kind in the table; KINDS: it is none.
static size_t find_kind(const char *kind) {
  size_t i = 0;
  while (i < KINDS && strcmp(kinds[i].kind, kind) != 0)
    i++;
  return i;
}

static size_t find_index(const char *symbol) {
  size_t i = 0;
  while (i < INDEXES && strcmp(indexes[i].symbol, symbol) != 0)
    i++;
  return i;
}

// ---- reading ----

static void fill(instrument *out, const char *symbol, const char *kind, const char *exchange,
                 const char *currency) {
  mesh_text_copy(out->symbol, sizeof out->symbol, symbol);
  mesh_text_copy(out->kind, sizeof out->kind, kind);
  mesh_text_copy(out->exchange, sizeof out->exchange, exchange);
  mesh_text_copy(out->currency, sizeof out->currency, currency);
}

// Copies with capital letters; false if it is longer than `capacity` has room for.
static bool copy_upper(char *out, size_t capacity, const char *text) {
  size_t size = strlen(text);
  if (size >= capacity) return false;
  for (size_t i = 0; i <= size; i++)
    out[i] = (char)toupper((unsigned char)text[i]);
  return true;
}

static bool is_number(const char *text, size_t least, size_t most) {
  size_t size = strspn(text, "0123456789");
  return text[size] == '\0' && size >= least && size <= most;
}

static mesh_code parse_con_id(const char *digits, instrument *out, mesh_error *err) {
  if (is_number(digits, 1, CON_ID_DIGITS)) out->con_id = strtoll(digits, NULL, 10);
  if (out->con_id > 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "instrument 'CONID:%.*s': a number of 1 to %d digits follows CONID:, such as "
                   "CONID:265598",
                   MESH_TEXT_SHOWN(digits, 32), CON_ID_DIGITS);
}

// "SMART/NASDAQ"; false if a side of the slash is empty.
static bool part_exchange(instrument *out) {
  char *slash = strchr(out->exchange, '/');
  if (slash == NULL) return true;
  *slash = '\0';
  mesh_text_copy(out->primary_exchange, sizeof out->primary_exchange, slash + 1);
  return out->exchange[0] != '\0' && out->primary_exchange[0] != '\0';
}

static mesh_code check_expiry(const instrument *one, const char *text, mesh_error *err) {
  bool future = strcmp(one->kind, "FUT") == 0;
  bool dated = is_number(one->expiry, 6, 6) || is_number(one->expiry, 8, 8);
  if (one->expiry[0] == '\0' || (future && dated)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   future ? "instrument '%.*s': the expiry of a FUT is YYYYMM or YYYYMMDD, such as "
                            "ES:FUT:CME:USD:202712; CONTFUT is the continuous one"
                          : "instrument '%.*s': only a FUT has an expiry",
                   MESH_TEXT_SHOWN(text, 64));
}

// SYMBOL:KIND:EXCHANGE:CURRENCY[:EXPIRY], in capital letters; `text` is taken apart.
static mesh_code parse_explicit(char *text, instrument *out, mesh_error *err) {
  char whole[INSTRUMENT_NAME_MAX], *parts[PARTS_MAX] = {"", "", "", "", ""}, *rest = text;
  size_t count = 0;
  mesh_text_copy(whole, sizeof whole, text);
  for (char *part; (part = strsep(&rest, ":")) != NULL && count <= PARTS_MAX; count++) {
    if (count < PARTS_MAX) parts[count] = part;
  }
  bool right = count >= 4 && count <= PARTS_MAX && find_kind(parts[1]) < KINDS &&
               strlen(parts[2]) < sizeof out->exchange && strlen(parts[3]) < sizeof out->currency &&
               strlen(parts[4]) < sizeof out->expiry;
  for (size_t i = 0; i < count && i < PARTS_MAX; i++)
    right = right && parts[i][0] != '\0';
  if (right) {
    fill(out, parts[0], parts[1], parts[2], parts[3]);
    mesh_text_copy(out->expiry, sizeof out->expiry, parts[4]);
    right = part_exchange(out);
  }
  if (!right) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "instrument '%.*s': use SYMBOL:KIND:EXCHANGE:CURRENCY, such as "
                     "SPX:IND:CBOE:USD; kinds are STK IND CASH FUT CONTFUT CRYPTO CFD CMDTY BOND",
                     MESH_TEXT_SHOWN(whole, 64));
  }
  return check_expiry(out, whole, err);
}

// "EUR.USD" and "EUR/USD" too; writes "EURUSD".
static bool take_pair(const char *text, char pair[2 * CODE + 1]) {
  size_t size = strlen(text);
  bool parted = size == 2 * CODE + 1 && (text[CODE] == '.' || text[CODE] == '/');
  if (size != 2 * CODE && !parted) return false;
  memcpy(pair, text, CODE);
  memcpy(pair + CODE, text + CODE + (parted ? 1 : 0), CODE + 1);
  return currency_is_pair(pair);
}

// Visible ASCII; between two of them may be one blank.
static mesh_code check_bytes(const char *text, mesh_error *err) {
  for (size_t i = 0; text[i] != '\0'; i++) {
    bool inside = i > 0 && text[i - 1] != ' ' && text[i + 1] != '\0';
    if ((text[i] > ' ' && text[i] < 0x7f) || (text[i] == ' ' && inside)) continue;
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "an instrument has byte 0x%02x at position %zu: use letters, digits, "
                     "punctuation",
                     (unsigned char)text[i], i + 1);
  }
  return GRPC_STATUS_OK;
}

mesh_code instrument_parse(const char *text, instrument *out, mesh_error *err) {
  char upper[INSTRUMENT_NAME_MAX], pair[2 * CODE + 1];
  *out = (instrument){0};
  if (text[0] == '\0' || !copy_upper(upper, sizeof upper, text)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "an instrument has 1 to %d bytes, not %zu",
                     INSTRUMENT_NAME_MAX - 1, strlen(text));
  }
  mesh_code code = check_bytes(text, err);
  if (code != GRPC_STATUS_OK) return code;
  if (strncmp(upper, "CONID:", 6) == 0) return parse_con_id(upper + 6, out, err);
  if (strchr(upper, ':') != NULL) return parse_explicit(upper, out, err);
  size_t size = strlen(upper), index = find_index(upper);
  if (take_pair(upper, pair)) {
    fill(out, "", "CASH", "IDEALPRO", pair + CODE);
    memcpy(out->symbol, pair, CODE);
  } else if (index < INDEXES) {
    fill(out, upper, "IND", indexes[index].exchange, indexes[index].currency);
  } else {
    // A class of shares stands behind a blank: BRK.B is BRK B.
    if (size > 2 && upper[size - 2] == '.') upper[size - 2] = ' ';
    fill(out, upper, "STK", "SMART", "USD");
  }
  return GRPC_STATUS_OK;
}

// ---- writing ----

// The short text, where it would be read as the same.
static bool has_short_name(const instrument *one, char out[INSTRUMENT_NAME_MAX]) {
  instrument read;
  mesh_error ignored;
  bool cash = strcmp(one->kind, "CASH") == 0;
  mesh_text_format(out, INSTRUMENT_NAME_MAX, "%s%s", one->symbol, cash ? one->currency : "");
  if (strchr(out, ':') != NULL) return false;
  return instrument_parse(out, &read, &ignored) == GRPC_STATUS_OK &&
         strcmp(read.symbol, one->symbol) == 0 && strcmp(read.kind, one->kind) == 0 &&
         strcmp(read.exchange, one->exchange) == 0 && strcmp(read.currency, one->currency) == 0 &&
         one->primary_exchange[0] == '\0' && one->expiry[0] == '\0';
}

mesh_code instrument_name(const instrument *one, char out[INSTRUMENT_NAME_MAX], mesh_error *err) {
  if (one->kind[0] == '\0') {
    mesh_text_format(out, INSTRUMENT_NAME_MAX, "CONID:%lld", (long long)one->con_id);
    return GRPC_STATUS_OK;
  }
  if (has_short_name(one, out)) return GRPC_STATUS_OK;
  const char *slash = one->primary_exchange[0] != '\0' ? "/" : "";
  const char *colon = one->expiry[0] != '\0' ? ":" : "";
  char whole[sizeof *one + 8];
  mesh_text_format(whole, sizeof whole, "%s:%s:%s%s%s:%s%s%s", one->symbol, one->kind,
                   one->exchange, slash, one->primary_exchange, one->currency, colon, one->expiry);
  mesh_text_copy(out, INSTRUMENT_NAME_MAX, whole);
  if (strlen(whole) < INSTRUMENT_NAME_MAX) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "the name of %.*s has %zu bytes, at most %d",
                   MESH_TEXT_SHOWN(one->symbol, 40), strlen(whole), INSTRUMENT_NAME_MAX - 1);
}

void instrument_normalize(char *text) {
  instrument one;
  char name[INSTRUMENT_NAME_MAX];
  mesh_error ignored;
  if (instrument_parse(text, &one, &ignored) != GRPC_STATUS_OK) return;
  if (instrument_name(&one, name, &ignored) != GRPC_STATUS_OK) return;
  size_t size = strlen(name);
  if (size <= strlen(text)) memcpy(text, name, size + 1);
}

// ---- what comes for what was asked ----

// Months since year 0 of YYYYMM or YYYYMMDD.
static int month_of(const char *expiry) {
  char year[5] = "", month[3] = "";
  memcpy(year, expiry, 4);
  memcpy(month, expiry + 4, 2);
  return 12 * atoi(year) + atoi(month);
}

static bool expiry_fits(const char *asked, const char *found) {
  enum { DAY = 8, MONTH = 6, MONTHS_BESIDE = 2 };
  if (strlen(asked) < MONTH || strlen(found) < MONTH) return true;
  if (strlen(asked) == DAY && strlen(found) == DAY) return strcmp(asked, found) == 0;
  return abs(month_of(asked) - month_of(found)) <= MONTHS_BESIDE;
}

// A continuous future is the future of a month to some.
static bool kind_fits(const char *asked, const char *found) {
  bool continuous = strcmp(asked, "CONTFUT") == 0 && strcmp(found, "FUT") == 0;
  return continuous || strcmp(asked, found) == 0;
}

static bool differs(const char *asked, const char *found) {
  return asked[0] != '\0' && found[0] != '\0' && strcasecmp(asked, found) != 0;
}

bool instrument_fits(const instrument *asked, const instrument *found, char *why, size_t room) {
  bool by_number = asked->con_id != 0, is_bond = strcmp(asked->kind, "BOND") == 0;
  const char *what = NULL, *is = NULL, *not = NULL;
  if (by_number && found->con_id != 0 && found->con_id != asked->con_id) {
    mesh_text_format(why, room, "its number is %lld, not %lld", (long long)found->con_id,
                     (long long)asked->con_id);
    return false;
  }
  // A bond is asked for by its number among bonds, and told by its issuer.
  if (!is_bond && differs(asked->symbol, found->symbol)) {
    what = "symbol", is = found->symbol, not = asked->symbol;
  } else if (differs(asked->kind, found->kind) && !kind_fits(asked->kind, found->kind)) {
    what = "kind", is = found->kind, not = asked->kind;
  } else if (differs(asked->currency, found->currency)) {
    what = "currency", is = found->currency, not = asked->currency;
  } else if (!expiry_fits(asked->expiry, found->expiry)) {
    what = "expiry", is = found->expiry, not = asked->expiry;
  }
  if (what == NULL) return true;
  mesh_text_format(why, room, "its %s is %.*s, not %.*s", what, MESH_TEXT_SHOWN(is, 63),
                   MESH_TEXT_SHOWN(not, 63));
  return false;
}

// ---- defaults ----

// Of a name whose kind cannot be told (CONID): as of a stock.
static size_t kind_of(const char *name) {
  instrument one;
  mesh_error ignored;
  if (instrument_parse(name, &one, &ignored) != GRPC_STATUS_OK) return 0;
  size_t kind = find_kind(one.kind);
  return kind < KINDS ? kind : 0;
}

const char *instrument_prices(const char *name) {
  return kinds[kind_of(name)].prices;
}

const char *instrument_session(const char *name) {
  return kinds[kind_of(name)].session;
}
