// The codec against frames that were captured from independent clients, and against what no gateway
// should send.
#include "host/ib/codec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

typedef struct row {
  const char *name;
  void (*run)(void);
} row;

// ---- requests, byte for byte ----

// The payload of the only frame in `outbox`, with '|' for NUL.
static void expect_sent(ib_outbox *outbox, const char *want) {
  size_t size;
  const char *bytes = ib_outbox_pending(outbox, &size);
  assert_true(size > 4);
  size_t length = ((size_t)(unsigned char)bytes[2] << 8) | (unsigned char)bytes[3];
  assert_int_equal(length, size - 4);
  char text[512];
  for (size_t i = 0; i < length; i++)
    text[i] = bytes[4 + i] == '\0' ? '|' : bytes[4 + i];
  text[length] = '\0';
  assert_string_equal(text, want);
  ib_outbox_fini(outbox);
}

static ib_series series_of(const char *symbol, const char *prices, const char *session) {
  ib_series series;
  assert_int_equal(ib_series_of(symbol, 0, prices, session, &series, NULL), GRPC_STATUS_OK);
  return series;
}

static void the_handshake_is_as_captured(void) {
  static const char want[] = "API\0\0\0\0\x09v157..178";
  ib_outbox outbox = {0};
  ib_encode_handshake(&outbox);
  size_t size;
  const char *bytes = ib_outbox_pending(&outbox, &size);
  assert_int_equal(size, sizeof want - 1);
  assert_memory_equal(bytes, want, size);
  ib_outbox_fini(&outbox);
}

static void start_api_is_as_captured(void) {
  ib_outbox outbox = {0};
  ib_encode_start_api(&outbox, 11);
  expect_sent(&outbox, "71|2|11||");
}

static void bars_are_asked_for_as_captured(void) {
  ib_outbox outbox = {0};
  ib_series series = series_of("AAPL", "", "");
  ib_bar_window window = {.bar_size = "1 min", .end = "20250321-16:00:00", .duration = "1 D"};
  ib_encode_bars(&outbox, 101, &series, &window, false);
  expect_sent(&outbox,
              "20|101|0|AAPL|STK|||||SMART||USD|||0|20250321-16:00:00|1 min|1 D|1|TRADES|2|0||");
}

static void live_bars_end_now(void) {
  ib_outbox outbox = {0};
  ib_series series = series_of("EURUSD", "", "");
  ib_bar_window window = {.bar_size = "1 hour", .end = "20250321-16:00:00", .duration = "2 D"};
  ib_encode_bars(&outbox, 7, &series, &window, true);
  expect_sent(&outbox, "20|7|0|EUR|CASH|||||IDEALPRO||USD|||0||1 hour|2 D|0|MIDPOINT|2|1||");
}

// Whatever end is wanted, a gateway answers up to now.
static void what_ends_now_is_asked_for_without_an_end(void) {
  ib_bar_window window = {.bar_size = "1 day", .end = "20250321-16:00:00", .duration = "9 D"};
  ib_series adjusted = series_of("AAPL", "adjusted_last", "all");
  ib_outbox outbox = {0};
  ib_encode_bars(&outbox, 8, &adjusted, &window, false);
  expect_sent(&outbox, "20|8|0|AAPL|STK|||||SMART||USD|||0||1 day|9 D|0|ADJUSTED_LAST|2|0||");
  ib_series continuous = series_of("ES:CONTFUT:CME:USD", "", "");
  ib_outbox future = {0};
  ib_encode_bars(&future, 9, &continuous, &window, false);
  expect_sent(&future, "20|9|0|ES|CONTFUT|||||CME||USD|||0||1 day|9 D|0|TRADES|2|0||");
}

static void a_future_is_asked_for_by_its_expiry(void) {
  ib_series series;
  assert_int_equal(ib_series_of("ES:FUT:CME:USD:202712", 495512563, "BID", "", &series, NULL),
                   GRPC_STATUS_OK);
  ib_outbox head = {0};
  ib_encode_head(&head, 3, &series);
  expect_sent(&head, "87|3|495512563|ES|FUT|202712||||CME||USD|||1|0|BID|2|");
}

static void the_others_are_as_captured(void) {
  ib_series series = series_of("AAPL", "", "");
  ib_outbox outbox = {0};
  ib_encode_contract_details(&outbox, 100, &series.contract, 178);
  expect_sent(&outbox, "9|8|100|0|AAPL|STK|||||SMART||USD|||0||||");
  ib_outbox old = {0};
  ib_encode_contract_details(&old, 100, &series.contract, 163);
  expect_sent(&old, "9|8|100|0|AAPL|STK|||||SMART||USD|||0|||");
  ib_outbox head = {0};
  ib_encode_head(&head, 104, &series);
  expect_sent(&head, "87|104|0|AAPL|STK|||||SMART||USD|||0|1|TRADES|2|");
  ib_outbox cancel = {0};
  ib_encode_cancel_bars(&cancel, 103);
  expect_sent(&cancel, "25|1|103|");
  ib_outbox cancel_head = {0};
  ib_encode_cancel_head(&cancel_head, 104);
  expect_sent(&cancel_head, "90|104|");
  ib_outbox symbols = {0};
  ib_encode_symbols(&symbols, 113, "AAP");
  expect_sent(&symbols, "81|113|AAP|");
  ib_outbox now = {0};
  ib_encode_current_time(&now);
  expect_sent(&now, "49|1|");
}

// ---- replies: '|' stands for NUL ----

typedef struct reply {
  const char *name, *text;
} reply;

static const reply captured[] = {
    {"version", "178|20261123 23:06:11 EST|"},
    {"nextValidId", "9|1|1|"},
    {"managedAccounts", "15|1|DU1234567|"},
    {"information", "4|2|-1|2104|Market data farm connection is OK:usfarm||"},
    {"query cancelled",
     "4|2|103|162|Historical Market Data Service error message:API historical data query "
     "cancelled: 103||"},
    {"bars",
     "17|101|20250320 16:00:00 US/Eastern|20250321 16:00:00 US/Eastern|3|1742563800|213.50|214.25|"
     "212.9|213.75|1234567|213.612|4321|1742563860|213.51|214.25|212.9|213.75|1234567|213.612|4321|"
     "1742563920|213.52|214.25|212.9|213.75|1234567|213.612|4321|"},
    {"daily bars without volume", "17|5|a|b|1|20250321|1.1|1.2|1.0|1.15|-1|-1|-1|"},
    {"a bar update", "90|103|10|1742563920|213.5|213.60|214|213|213.5|100|"},
    {"a head timestamp", "88|104|345479400|"},
    {"contract data",
     "10|100|AAPL|STK||0||SMART|USD|AAPL|NMS|NMS|265598|0.01||LIMIT,MKT|SMART,NASDAQ|1|0|APPLE "
     "INC|NASDAQ||Technology|Computers|Computers|US/Eastern|20250324:0400-20250324:2000|"
     "20250324:0930-20250324:1600|||1|ISIN|US0378331005|1|||26,26||COMMON|0.0001|0.0001|100|"},
    {"bond data",
     "18|7|US-T|BOND|912828C57|2.25|20270331 08:00:00 EST|20240331|AAA|GOVT|FIXED|0|0|0|US "
     "TREASURY "
     "2 1/4|SMART|USD|BOND|BOND|148049302|0.0078125|LMT|SMART|||0||US TREASURY||0|0|1|"},
    {"symbols", "79|113|1|265598|AAPL|STK|NASDAQ|USD|2|OPT|WAR|APPLE INC||"},
};

static size_t payload_of(const char *text, char *out) {
  size_t size = strlen(text);
  for (size_t i = 0; i < size; i++)
    out[i] = text[i] == '|' ? '\0' : text[i];
  return size;
}

// People read it, on a terminal.
static void text_of_a_gateway_is_escaped(void) {
  char payload[256];
  mesh_error err;
  size_t size = payload_of("2|7|200|no \x1b[2J security\xff\n|", payload);
  ib_fields fields = ib_fields_of((ib_message){payload, size});
  ib_error_reply error;
  assert_int_equal(ib_decode_error(&fields, &error, &err), GRPC_STATUS_OK);
  assert_int_equal(error.code, 200);
  assert_string_equal(error.text, "no \\x1b[2J security\\xff\\n");

  size = payload_of(
      "1|265598|AA\x07PL|STK|NAS\xe2\x80\xae"
      "DAQ|USD|0|name||",
      payload);
  fields = ib_fields_of((ib_message){payload, size});
  size_t count;
  ib_contract contract;
  assert_int_equal(ib_decode_symbol_count(&fields, &count, &err), GRPC_STATUS_OK);
  assert_int_equal(ib_decode_symbol(&fields, &contract, &err), GRPC_STATUS_OK);
  assert_string_equal(contract.symbol, "AA\\x07PL");
  assert_string_equal(contract.primary_exchange, "NAS\\u202eDAQ");
}

// Such a bar would be far outside of what was asked for: an answer without bars.
static void milliseconds_are_no_time(void) {
  char payload[256];
  mesh_error err;
  bar_columns bars = {0};
  size_t size = payload_of("1742563800000|1|1|1|1|1|1|1|", payload);
  ib_fields fields = ib_fields_of((ib_message){payload, size});
  assert_int_equal(ib_decode_bars(&fields, 1, INT64_MIN, INT64_MAX, &bars, &err),
                   GRPC_STATUS_DATA_LOSS);
  assert_non_null(strstr(err.message, "has the date '1742563800000'"));
  bar_columns_clear(&bars);
}

// Feeds a message to every decoder that may get it: none may read past its end, whatever it is.
static mesh_code decode_any(const char *payload, size_t size) {
  mesh_error err;
  ib_message message = {payload, size};
  ib_greeting greeting;
  mesh_code code = ib_decode_greeting(message, &greeting, &err);
  ib_fields fields = ib_fields_of(message);
  int number = (int)ib_take_int(&fields, 0);
  if (number == IB_REPLY_ERROR) {
    ib_error_reply error;
    return ib_decode_error(&fields, &error, &err);
  }
  ib_take_int(&fields, -1);
  ib_contract contract;
  size_t count = 0;
  int64_t time_s;
  bar_columns bars = {0};
  switch (number) {
    case IB_REPLY_BARS:
      code = ib_decode_bars_head(&fields, &count, &err);
      if (code != GRPC_STATUS_OK) return code;
      code = ib_decode_bars(&fields, count, INT64_MIN, INT64_MAX, &bars, &err);
      bar_columns_clear(&bars);
      return code;
    case IB_REPLY_BAR_UPDATE:
      code = ib_decode_bar_update(&fields, &bars, &err);
      bar_columns_clear(&bars);
      return code;
    case IB_REPLY_HEAD:
      return ib_decode_head(&fields, &time_s, &err);
    case IB_REPLY_CONTRACT:
      return ib_decode_contract(&fields, &contract, &err);
    case IB_REPLY_BOND:
      return ib_decode_bond(&fields, &contract, &err);
    case IB_REPLY_SYMBOLS:
      code = ib_decode_symbol_count(&fields, &count, &err);
      for (size_t i = 0; i < count && code == GRPC_STATUS_OK; i++) {
        code = ib_decode_symbol(&fields, &contract, &err);
      }
      return code;
    default:
      return code;
  }
}

// Each cut in a block of its exact size, so that the sanitizer sees any read behind it.
static void every_cut_of_every_frame_is_survived(void) {
  for (size_t i = 0; i < sizeof captured / sizeof *captured; i++) {
    char payload[1024];
    size_t size = payload_of(captured[i].text, payload);
    for (size_t cut = 0; cut <= size; cut++) {
      char *exact = malloc(cut + 1);
      memcpy(exact, payload, cut);
      decode_any(exact, cut);
      free(exact);
    }
    if (i != 1 && i != 2) assert_int_equal(decode_any(payload, size), GRPC_STATUS_OK);
  }
}

static void every_changed_byte_is_survived(void) {
  uint64_t seed = 99;
  for (int round = 0; round < 20000; round++) {
    char payload[1024];
    size_t size = payload_of(captured[round % 11].text, payload);
    for (int i = 0; i < 3; i++) {
      seed = seed * UINT64_C(6364136223846793005) + 1;
      payload[(seed >> 40) % size] = (char)(seed >> 33);
    }
    char *exact = malloc(size);
    memcpy(exact, payload, size);
    decode_any(exact, size);
    free(exact);
  }
}

static void bars_are_read_into_columns(void) {
  char payload[1024];
  size_t size = payload_of(captured[5].text, payload), count;
  ib_fields fields = ib_fields_of((ib_message){payload, size});
  ib_skip(&fields, 2);
  mesh_error err;
  bar_columns bars = {0};
  assert_int_equal(ib_decode_bars_head(&fields, &count, &err), GRPC_STATUS_OK);
  assert_int_equal(count, 3);
  assert_int_equal(ib_decode_bars(&fields, count, 1742563860, 1742563920, &bars, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(bars.count, 1);  // the others are outside of what was asked for
  assert_int_equal(bars.times[0], 1742563860);
  assert_true(bars.open[0] == 213.51 && bars.high[0] == 214.25 && bars.low[0] == 212.9);
  assert_true(bars.close[0] == 213.75 && bars.volume[0] == 1234567);
  bar_columns_clear(&bars);
}

static void a_day_is_midnight_and_no_volume_is_nan(void) {
  char payload[256];
  size_t size = payload_of(captured[6].text, payload), count;
  ib_fields fields = ib_fields_of((ib_message){payload, size});
  ib_skip(&fields, 2);
  mesh_error err;
  bar_columns bars = {0};
  assert_int_equal(ib_decode_bars_head(&fields, &count, &err), GRPC_STATUS_OK);
  assert_int_equal(ib_decode_bars(&fields, count, INT64_MIN, INT64_MAX, &bars, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(bars.times[0], 1742515200);
  assert_true(isnan(bars.volume[0]));
  bar_columns_clear(&bars);
}

static void a_count_beyond_the_message_is_refused(void) {
  char payload[64];
  size_t size = payload_of("17|1|a|b|2000000000|", payload), count;
  ib_fields fields = ib_fields_of((ib_message){payload, size});
  ib_skip(&fields, 2);
  mesh_error err;
  assert_int_equal(ib_decode_bars_head(&fields, &count, &err), GRPC_STATUS_DATA_LOSS);
  assert_non_null(strstr(err.message, "says 2000000000 bars"));
}

static void contract_data_is_read(void) {
  char payload[1024];
  size_t size = payload_of(captured[9].text, payload);
  ib_fields fields = ib_fields_of((ib_message){payload, size});
  ib_skip(&fields, 2);
  ib_contract contract;
  mesh_error err;
  assert_int_equal(ib_decode_contract(&fields, &contract, &err), GRPC_STATUS_OK);
  assert_int_equal(contract.con_id, 265598);
  assert_string_equal(contract.long_name, "APPLE INC");
  assert_string_equal(contract.primary_exchange, "NASDAQ");
  assert_string_equal(contract.time_zone, "US/Eastern");
  assert_true(contract.min_tick == 0.01);
}

static void a_bond_is_read(void) {
  char payload[1024];
  size_t size = payload_of(captured[10].text, payload);
  ib_fields fields = ib_fields_of((ib_message){payload, size});
  ib_skip(&fields, 2);
  ib_contract contract;
  mesh_error err;
  assert_int_equal(ib_decode_bond(&fields, &contract, &err), GRPC_STATUS_OK);
  assert_int_equal(contract.con_id, 148049302);
  assert_string_equal(contract.sec_type, "BOND");
  assert_string_equal(contract.local_symbol, "912828C57");
  assert_string_equal(contract.expiry, "20270331");
  assert_string_equal(contract.exchange, "SMART");
  assert_string_equal(contract.currency, "USD");
  assert_string_equal(contract.long_name, "US TREASURY 2 1/4");
}

static void papergate_says_that_it_is_simulated(void) {
  static const struct {
    const char *greeting;
    bool simulated;
  } rows[] = {{"178|20261126 18:00:00 UTC papergate|", true},
              {"178|20261126 18:00:00 UTC|", false},
              {"178|20261126 18:00:00 China Standard Time|", false},
              {"178|papergate|", false},
              {"178||", false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char payload[64];
    ib_greeting greeting;
    size_t size = payload_of(rows[i].greeting, payload);
    assert_int_equal(ib_decode_greeting((ib_message){payload, size}, &greeting, NULL),
                     GRPC_STATUS_OK);
    assert_int_equal(greeting.version, 178);
    assert_int_equal(greeting.simulated, rows[i].simulated);
  }
}

static void other_versions_are_refused(void) {
  char payload[64];
  ib_greeting greeting;
  mesh_error err;
  size_t size = payload_of("201|now|", payload);
  assert_int_equal(ib_decode_greeting((ib_message){payload, size}, &greeting, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
  assert_non_null(strstr(err.message, "version 201; this host speaks 157 to 178"));
}

static const row rows[] = {
    {"the handshake is as captured", the_handshake_is_as_captured},
    {"papergate says that it is simulated", papergate_says_that_it_is_simulated},
    {"startApi is as captured", start_api_is_as_captured},
    {"bars are asked for as captured", bars_are_asked_for_as_captured},
    {"live bars end now", live_bars_end_now},
    {"what ends now is asked for without an end", what_ends_now_is_asked_for_without_an_end},
    {"a future is asked for by its expiry", a_future_is_asked_for_by_its_expiry},
    {"the others are as captured", the_others_are_as_captured},
    {"every cut of every frame is survived", every_cut_of_every_frame_is_survived},
    {"every changed byte is survived", every_changed_byte_is_survived},
    {"bars are read into columns", bars_are_read_into_columns},
    {"a day is midnight, no volume is NaN", a_day_is_midnight_and_no_volume_is_nan},
    {"a count beyond the message is refused", a_count_beyond_the_message_is_refused},
    {"contract data is read", contract_data_is_read},
    {"a bond is read", a_bond_is_read},
    {"milliseconds are no time", milliseconds_are_no_time},
    {"text of a gateway is escaped", text_of_a_gateway_is_escaped},
    {"other versions are refused", other_versions_are_refused},
};

static void check(void **state) {
  ((const row *)*state)->run();
}

int main(void) {
  RUN_ROWS("codec", rows, check);
}
