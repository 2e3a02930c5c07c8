// Historical bars, schedules and head timestamps: answers, refusals, updates, limits and faults.
#include <string.h>

#include "host/ib/bar_size.h"
#include "tests/tools/papergate/conversation.h"

#define SERVICE "Historical Market Data Service error message:"
#define INVALID "4|2|5|321|Error validating request.-'bI' : cause - "

// A day of SPX, whole or cut; 2007-12-31 in the sample data.
#define SPX_DAY \
  "20071231|1475.25|1475.829956|1465.130005|1468.359985|2440880000|1469.77332|24408801|"

static const struct answer_case {
  const char *name, *request;
  const char *answer;  // a trailing '*' stands for anything
} answers[] = {
    {"a day as text", BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 day", "1 D", "TRADES", 1, 0),
     "17|5|20071231 00:00:00 UTC|20080101 00:00:00 UTC|1|" SPX_DAY},
    {"a day has no time in any format",
     BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 day", "1 D", "TRADES", 2, 0),
     "17|5|20071231 00:00:00 UTC|20080101 00:00:00 UTC|1|" SPX_DAY},
    {"an end in another zone",
     BARS(5, SPX_CONTRACT, "20071231 19:00:00 US/Eastern", "1 day", "1 D", "TRADES", 1, 0),
     "17|5|20071231 00:00:00 UTC|20080101 00:00:00 UTC|1|" SPX_DAY},
    {"an hour as epoch seconds",
     BARS(5, EURUSD_CONTRACT, "20170419-10:00:00", "1 hour", "3600 S", "MIDPOINT", 2, 0),
     "17|5|20170419 09:00:00 UTC|20170419 10:00:00 UTC|1|1492592400|1.0716|1.0722|1.07083|1.07219|"
     "1413|1.07174|15|"},
    {"an hour as text",
     BARS(5, EURUSD_CONTRACT, "20170419-10:00:00", "1 hour", "3600 S", "BID", 1, 0),
     "17|5|20170419 09:00:00 UTC|20170419 10:00:00 UTC|1|20170419 09:00:00 UTC|1.0716|*"},
    {"an hour without a year",
     BARS(5, EURUSD_CONTRACT, "20170419-10:00:00", "1 hour", "3600 S", "ASK", 3, 0),
     "17|5|20170419 09:00:00 UTC|20170419 10:00:00 UTC|1|0419 09:00:00 UTC|1.0716|*"},
    {"an empty end is the end of the file",
     BARS(5, EURUSD_CONTRACT, "", "1 hour", "3600 S", "MIDPOINT", 2, 0),
     "17|5|20180207 15:00:00 UTC|20180207 16:00:00 UTC|1|1518015600|1.23427|*"},
    {"quotes of a stock have no volume",
     BARS(5, SYN_CONTRACT, "20190102-00:00:00", "1 min", "60 S", "MIDPOINT", 2, 0),
     "17|5|20190101 23:59:00 UTC|20190102 00:00:00 UTC|1|1546387140|*|-1|-1|-1|"},
    {"an empty end of a made-up series is now",
     BARS(5, SYN_CONTRACT, "", "1 day", "1 D", "TRADES", 1, 0),
     "17|5|20191231 12:00:00 UTC|20200101 12:00:00 UTC|1|20200101|*"},
    {"days of trading",
     BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 day", "3 D", "SCHEDULE", 1, 0),
     "106|5|20071229-00:00:00|20080101-00:00:00|UTC|1|20071231-00:00:00|20080101-00:00:00|"
     "20071231|"},
    {"the first bar as text", "87|5|" SPX_CONTRACT "0|1|TRADES|1|", "88|5|20000103-00:00:00|"},
    {"the first bar as a number", "87|5|" EURUSD_CONTRACT "0|0|MIDPOINT|2|", "88|5|1492592400|"},
    {"the first made-up bar", "87|5|" SYN_CONTRACT "0|0|TRADES|1|", "88|5|20000103-00:00:00|"},
    {"the first trade of a currency", "87|5|" EURUSD_CONTRACT "0|0|TRADES|1|",
     "4|2|5|162|" SERVICE "HMDS query returned no data: EUR.USD@IDEALPRO Trades||"},

    {"dates before the series",
     BARS(5, SPX_CONTRACT, "19900101-00:00:00", "1 day", "1 M", "TRADES", 1, 0),
     "4|2|5|162|" SERVICE "HMDS query returned no data: SPX@CBOE Trades||"},
    {"dates after the series",
     BARS(5, EURUSD_CONTRACT, "20190101-00:00:00", "1 hour", "1 M", "MIDPOINT", 1, 0),
     "4|2|5|162|" SERVICE "HMDS query returned no data: EUR.USD@IDEALPRO Midpoint||"},
    {"dates in the future",
     BARS(5, SYN_CONTRACT, "20250101-00:00:00", "1 day", "1 M", "TRADES", 1, 0),
     "4|2|5|162|" SERVICE "HMDS query returned no data: SYN1@SMART Trades||"},
    {"bars finer than the file",
     BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 hour", "1 D", "TRADES", 1, 0),
     "4|2|5|162|" SERVICE "HMDS query returned no data: SPX@CBOE Trades||"},
    {"trades of a currency", BARS(5, EURUSD_CONTRACT, "", "1 hour", "1 D", "TRADES", 1, 0),
     "4|2|5|162|" SERVICE "No historical market data for EUR/CASH@IDEALPRO Last 3600||"},
    {"quotes of an index", BARS(5, SPX_CONTRACT, "", "1 day", "1 D", "BID", 1, 0),
     "4|2|5|162|" SERVICE "No historical market data for SPX/IND@CBOE Bid 86400||"},
    {"a volatility", BARS(5, SPX_CONTRACT, "", "1 day", "1 D", "HISTORICAL_VOLATILITY", 1, 0),
     "4|2|5|162|" SERVICE "No historical market data for SPX/IND@CBOE*"},
    {"seconds for weeks", BARS(5, SYN_CONTRACT, "", "5 secs", "1 W", "TRADES", 1, 0),
     "4|2|5|162|" SERVICE "invalid step: 5||"},
    {"more bars than a reply may hold", BARS(5, SYN_CONTRACT, "", "1 min", "1 Y", "TRADES", 1, 0),
     "4|2|5|162|" SERVICE "invalid step: 60||"},
    {"an unknown symbol",
     BARS(5, "|NONE|STK|||||SMART||USD|||", "", "1 day", "1 D", "TRADES", 1, 0),
     "4|2|5|200|No security definition has been found for the request||"},
    {"a combination of contracts",
     "20|5||SPX|BAG|||||SMART||USD||||0||1 day|1 D|0|TRADES|1|1|77|1|BUY|SMART|0||", "4|2|5|320|*"},

    {"a bad end comes first", BARS(5, SPX_CONTRACT, "soon", "1 dog", "1 X", "NONE", 9, 1),
     "4|2|5|10314|End Date/Time: The date, time, or time-zone entered is invalid.*"},
    {"then the duration", BARS(5, SPX_CONTRACT, "", "1 dog", "1 X", "NONE", 9, 1),
     INVALID "Historical data request duration format is incorrect*"},
    {"then an end of adjusted prices",
     BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 dog", "1 D", "ADJUSTED_LAST", 9, 1),
     INVALID "End Date/Time must be empty for ADJUSTED_LAST||"},
    {"then the bar size", BARS(5, SPX_CONTRACT, "", "1 dog", "1 D", "NONE", 9, 1),
     INVALID "Historical data bar size setting is invalid. Legal ones are: 1 secs, 5 secs,*"},
    {"then the kind of price", BARS(5, SPX_CONTRACT, "", "1 day", "1 D", "NONE", 9, 1),
     INVALID "Historical data kind of price is invalid||"},
    {"then the date format", BARS(5, SPX_CONTRACT, "", "1 day", "1 D", "TRADES", 9, 1),
     INVALID "Historical data date format must be 1, 2 or 3||"},
    {"then the updates", BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 day", "1 D", "TRADES", 1, 1),
     INVALID "Historical data queries that are kept up to date must have no end date||"},
    {"updates of quotes on both sides", BARS(5, SYN_CONTRACT, "", "1 min", "1 D", "BID_ASK", 1, 1),
     INVALID "Historical data queries that are kept up to date show TRADES,*"},
    {"updates of seconds", BARS(5, SYN_CONTRACT, "", "1 secs", "60 S", "TRADES", 1, 1),
     INVALID "Historical data queries that are kept up to date need bars of 5 secs or more||"},
    {"hours of trading", BARS(5, SPX_CONTRACT, "", "1 hour", "1 D", "SCHEDULE", 1, 0),
     INVALID "Historical schedule queries need a bar size of 1 day||"},
    {"no exchange", BARS(5, "|SPX|IND|||||||USD|||", "", "1 day", "1 D", "TRADES", 1, 0),
     INVALID "Please enter exchange||"},
    {"no kind of contract", BARS(5, "|SPX||||||CBOE||USD|||", "", "1 day", "1 D", "TRADES", 1, 0),
     INVALID "Please enter a valid security type||"},
    {"a request that is cut short", "20|5||SPX|IND|", "4|2|5|320|*"},
    {"a head timestamp of no kind", "87|5|" SPX_CONTRACT "0|1|NONE|1|", INVALID "*"},
    {"a head timestamp of no symbol", "87|5||NONE|STK|||||SMART||USD|||0|1|TRADES|1|",
     "4|2|5|200|*"},
    {"a cancel of nothing", "25|1|5|",
     "4|2|5|366|No historical data query found for ticker id:5||"},
};

static void check_answer(void **state) {
  const struct answer_case *c = *state;
  conversation talk;
  conversation_start(&talk, "--now 2020-01-01T12:00:00Z");
  pg_session *session = conversation_login(&talk, 7);
  say(session, c->request);
  expect(session, c->answer);
  assert_string_equal(hear(session), "");
  assert_null(session->queries);
  conversation_end(&talk);
}

static const char *const SPX_WEEK =
    BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 day", "1 W", "TRADES", 1, 0);
static const char *const LIVE = BARS(5, SYN_CONTRACT, "", "1 min", "60 S", "TRADES", 2, 1);

static void an_end_without_a_zone_is_warned_of_and_answered(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "");
  pg_session *session = conversation_login(&talk, 7);
  say(session, BARS(5, SPX_CONTRACT, "20080101 00:00:00", "1 day", "1 D", "TRADES", 1, 0));
  expect(session, "4|2|5|2174|Warning: You submitted request with date-time*");
  expect(session, "17|5|20071231 00:00:00 UTC|20080101 00:00:00 UTC|1|" SPX_DAY);
  conversation_end(&talk);
}

static void updates_follow_the_bars_until_they_are_cancelled(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--live-interval-ms 100 --now 2020-01-01T12:00:30Z");
  pg_session *session = conversation_login(&talk, 7);
  say(session, LIVE);
  expect(session, "17|5|20200101 11:59:30 UTC|20200101 12:00:30 UTC|1|1577880000|*");
  expect(session, "90|5|*");
  assert_string_equal(hear(session), "");
  pass_ms(&talk, 99);
  assert_string_equal(hear(session), "");
  pass_ms(&talk, 200);
  expect(session, "90|5|*");
  while (*hear(session) != '\0')
    continue;
  say(session, "25|1|5|");
  assert_string_equal(hear(session),
                      "4|2|5|162|" SERVICE "API historical data query cancelled: 5||");
  pass_ms(&talk, 1000000);
  assert_string_equal(hear(session), "");
  say(session, "25|1|5|");
  expect(session, "4|2|5|366|*");
  conversation_end(&talk);
}

static void a_new_bar_follows_the_last_state_of_the_old_one(void **state) {
  (void)state;
  pg_catalog_settings settings = {.seed = 1, .walk_start = 946857600};
  pg_market *market;
  mesh_error err;
  assert_int_equal(pg_market_load(NULL, &market, &err), GRPC_STATUS_OK);
  pg_catalog *catalog = pg_catalog_create(market, settings);
  const pg_series *series = pg_catalog_find(catalog, "SYN1");
  pg_live_settings live_settings = {.series = series,
                                    .size = ib_timeframe_of("1 min"),
                                    .style = {.format_date = 2, .volume = true},
                                    .now = 1577880030};
  pg_live *live = pg_live_create(&live_settings);
  ib_outbox out = {0};
  pg_session listener = {0};
  pg_live_put_updates(live, 5, 1577880030, &out);
  pg_live_put_updates(live, 5, 1577880060, &out);
  listener.out = out;
  expect(&listener, "90|5|*");
  pg_bar ended = pg_walk_bar(series->walk, 1577880000, 1577880060);
  ib_outbox want = {0};
  pg_put_update(&want, 5, &ended, &live_settings.style);
  pg_session expected = {.out = want};
  char text[512];
  snprintf(text, sizeof text, "%s", hear(&expected));
  assert_string_equal(hear(&listener), text);
  assert_non_null(strstr(hear(&listener), "|1577880060|"));
  ib_outbox_fini(&listener.out);
  ib_outbox_fini(&expected.out);
  pg_live_destroy(live);
  pg_catalog_destroy(catalog);
}

static void a_recorded_series_goes_on_from_its_last_close(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--now 2020-01-01T12:00:30Z --live-interval-ms 10");
  pg_session *session = conversation_login(&talk, 7);
  say(session, BARS(5, EURUSD_CONTRACT, "", "1 hour", "3600 S", "MIDPOINT", 2, 1));
  expect(session, "17|5|*");
  expect(session, "90|5|1|1577880000|1.22904|*");
  conversation_end(&talk);
}

static void a_slow_reply_can_be_cancelled(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--latency-ms 1000");
  pg_session *session = conversation_login(&talk, 7);
  say(session, SPX_WEEK);
  assert_string_equal(hear(session), "");
  say(session, "25|1|5|");
  expect(session, "4|2|5|162|*cancelled: 5||");
  pass_ms(&talk, 2000);
  assert_string_equal(hear(session), "");
  conversation_end(&talk);
}

static void slow_replies_wait_side_by_side(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--latency-ms 1000");
  pg_session *session = conversation_login(&talk, 7);
  say(session, BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 day", "1 W", "TRADES", 1, 0));
  say(session, BARS(6, SPX_CONTRACT, "20090101-00:00:00", "1 day", "1 W", "TRADES", 1, 0));
  pass_ms(&talk, 900);
  assert_string_equal(hear(session), "");
  pass_ms(&talk, 1100);
  expect(session, "17|5|*");
  expect(session, "17|6|*");
  conversation_end(&talk);
}

static void a_slow_series_takes_time_for_each_bar(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--bars-per-second 60");
  pg_session *session = conversation_login(&talk, 7);
  say(session, BARS(5, SYN_CONTRACT, "20190102-00:00:00", "1 min", "3600 S", "TRADES", 1, 0));
  pass_ms(&talk, 900);
  assert_string_equal(hear(session), "");
  pass_ms(&talk, 1100);
  expect(session, "17|5|*");
  conversation_end(&talk);
}

static void an_id_is_in_use_while_its_reply_waits(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--latency-ms 1000 --open-requests 2");
  pg_session *session = conversation_login(&talk, 7);
  say(session, SPX_WEEK);
  say(session, SPX_WEEK);
  expect(session, "4|2|5|322|*Duplicate ticker ID for API historical data query||");
  say(session, "87|6|" SPX_CONTRACT "0|1|TRADES|1|");
  say(session, BARS(7, SPX_CONTRACT, "", "1 day", "1 W", "TRADES", 1, 0));
  expect(session, "4|2|7|322|*Only 2 simultaneous API historical data requests*");
  say(session, "90|6|");
  assert_string_equal(hear(session), "");
  say(session, BARS(7, SPX_CONTRACT, "", "1 day", "1 W", "TRADES", 1, 0));
  assert_string_equal(hear(session), "");
  pass_ms(&talk, 2000);
  expect(session, "17|5|*");
  expect(session, "17|7|*");
  conversation_end(&talk);
}

static void small_bars_are_paced_and_others_are_not(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "");
  pg_session *session = conversation_login(&talk, 7);
  static const char small[] =
      BARS(5, SYN_CONTRACT, "20190102-00:00:00", "30 secs", "60 S", "TRADES", 1, 0);
  say(session, small);
  expect(session, "17|5|*");
  say(session, small);
  assert_string_equal(hear(session),
                      "4|2|5|162|" SERVICE "Historical data request pacing violation||");
  for (int i = 0; i < 10; i++) {
    say(session, SPX_WEEK);
    expect(session, "17|5|*");
  }
  conversation_end(&talk);
}

static const struct fault_case {
  const char *name, *flags;
  const char *answer;  // to the second request
  bool stays_open;
} faults[] = {
    {"a reply that never comes", "--drop-reply 2", "", true},
    {"a pacing violation out of nowhere", "--pacing-error 2", "4|2|5|162|*pacing violation||",
     false},
};

static void check_fault(void **state) {
  const struct fault_case *c = *state;
  conversation talk;
  conversation_start(&talk, c->flags);
  pg_session *session = conversation_login(&talk, 7);
  say(session, SPX_WEEK);
  expect(session, "17|5|*");
  say(session, SPX_WEEK);
  expect(session, c->answer);
  assert_int_equal(session->queries != NULL, c->stays_open);
  pass_ms(&talk, 1000000);
  assert_string_equal(hear(session), "");
  say(session, "25|1|5|");
  expect(session, c->stays_open ? "4|2|5|162|*" : "4|2|5|366|*");
  say(session, SPX_WEEK);
  expect(session, "17|5|*");
  conversation_end(&talk);
}

static void garbage_has_the_form_of_a_frame_or_not_even_that(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--garbage-frame 1 --garbage-length 2");
  pg_session *session = conversation_login(&talk, 7);
  say(session, SPX_WEEK);
  const char *frame = hear(session);
  assert_int_equal(strlen(frame), 64);
  for (int i = 0; i < 64; i++) {
    assert_true((frame[i] & 0x80) != 0);
  }
  say(session, SPX_WEEK);
  size_t size;
  const char *bytes = ib_outbox_pending(&session->out, &size);
  ib_inbox inbox = {0};
  memcpy(ib_inbox_reserve(&inbox, size), bytes, size);
  ib_inbox_filled(&inbox, size);
  ib_message message;
  assert_int_equal(ib_inbox_take(&inbox, &message), IB_TAKE_BROKEN);
  ib_inbox_fini(&inbox);
  conversation_end(&talk);
}

static void replies_wait_while_the_connection_is_lost(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--connectivity 1100@1,1102@1+500");
  pg_session *session = conversation_login(&talk, 7);
  say(session, SPX_WEEK);
  expect(session, "17|5|*");
  pass_ms(&talk, 100);
  expect(session, "4|2|-1|1100|Connectivity between IBKR and Trader Workstation*");
  say(session, SPX_WEEK);
  assert_string_equal(hear(session), "");
  pass_ms(&talk, 600);
  expect(session, "4|2|-1|1102|*data maintained.*");
  expect(session, "17|5|*");
  conversation_end(&talk);
}

static void what_was_open_is_gone_when_data_was_lost(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--live-interval-ms 1000 --connectivity 1100@1,1101@1+500");
  pg_session *session = conversation_login(&talk, 7);
  say(session, LIVE);
  while (*hear(session) != '\0')
    continue;
  pass_ms(&talk, 600);
  expect(session, "4|2|-1|1100|*");
  expect(session, "4|2|-1|1101|*data lost.||");
  pass_ms(&talk, 5000);
  assert_string_equal(hear(session), "");
  assert_null(session->queries);
  conversation_end(&talk);
}

// Takes the last message and compares each of its bars with the file's.
static void assert_whole_file(pg_session *session, const pg_bars *file) {
  size_t size;
  const char *bytes = ib_outbox_pending(&session->out, &size);
  ib_fields fields = ib_fields_of((ib_message){bytes + 4, size - 4});
  ib_skip(&fields, 4);  // number, id and window
  assert_int_equal(ib_take_int(&fields, 0), file->count);
  for (size_t i = 0; i < file->count; i++) {
    const pg_bar *bar = &file->items[i];
    ib_skip(&fields, 1);
    assert_true(ib_take_double(&fields, 0) == bar->open);
    assert_true(ib_take_double(&fields, 0) == bar->high);
    assert_true(ib_take_double(&fields, 0) == bar->low);
    assert_true(ib_take_double(&fields, 0) == bar->close);
    assert_true(ib_take_double(&fields, 0) == bar->volume);
    ib_skip(&fields, 2);
  }
  assert_int_equal(fields.bad_field, 0);
  assert_true(ib_fields_at_end(&fields));
  ib_outbox_clear(&session->out);
}

static void every_number_of_a_file_arrives_as_it_is(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "");
  pg_session *session = conversation_login(&talk, 7);
  const pg_listing *spx = pg_catalog_find(talk.gateway.catalog, "SPX")->listing;
  say(session, BARS(5, SPX_CONTRACT, "", "1 day", "25 Y", "TRADES", 2, 0));
  assert_whole_file(session, &spx->bars[ib_timeframe_of("1 day") - timeframes()]);
  const pg_listing *eurusd = pg_catalog_find(talk.gateway.catalog, "EURUSD")->listing;
  say(session, BARS(6, EURUSD_CONTRACT, "", "1 hour", "1 Y", "MIDPOINT", 2, 0));
  assert_whole_file(session, &eurusd->bars[ib_timeframe_of("1 hour") - timeframes()]);
  conversation_end(&talk);
}

static void volume_of_currencies_is_a_choice(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--forex-volume off");
  pg_session *session = conversation_login(&talk, 7);
  say(session, BARS(5, EURUSD_CONTRACT, "20170419-10:00:00", "1 hour", "3600 S", "MIDPOINT", 2, 0));
  expect(session, "17|5|*|1492592400|1.0716|1.0722|1.07083|1.07219|-1|-1|-1|");
  conversation_end(&talk);
}

static void the_code_of_a_refusal_is_a_choice(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--validation-code 162");
  pg_session *session = conversation_login(&talk, 7);
  say(session, BARS(5, SPX_CONTRACT, "", "1 dog", "1 D", "TRADES", 1, 0));
  expect(session, "4|2|5|162|Error validating request*");
  conversation_end(&talk);
}

static void a_client_that_leaves_takes_its_queries_along(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--latency-ms 1000");
  pg_session *session = conversation_login(&talk, 7);
  say(session, SPX_WEEK);
  say(session, BARS(6, SYN_CONTRACT, "", "1 min", "60 S", "TRADES", 2, 1));
  pg_session_close(session);
  assert_true(pg_timers_next_ns(&talk.gateway.timers) == INT64_MAX);
  conversation_end(&talk);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_end_without_a_zone_is_warned_of_and_answered),
      cmocka_unit_test(updates_follow_the_bars_until_they_are_cancelled),
      cmocka_unit_test(a_new_bar_follows_the_last_state_of_the_old_one),
      cmocka_unit_test(a_recorded_series_goes_on_from_its_last_close),
      cmocka_unit_test(a_slow_reply_can_be_cancelled),
      cmocka_unit_test(slow_replies_wait_side_by_side),
      cmocka_unit_test(a_slow_series_takes_time_for_each_bar),
      cmocka_unit_test(an_id_is_in_use_while_its_reply_waits),
      cmocka_unit_test(small_bars_are_paced_and_others_are_not),
      cmocka_unit_test(garbage_has_the_form_of_a_frame_or_not_even_that),
      cmocka_unit_test(replies_wait_while_the_connection_is_lost),
      cmocka_unit_test(what_was_open_is_gone_when_data_was_lost),
      cmocka_unit_test(every_number_of_a_file_arrives_as_it_is),
      cmocka_unit_test(volume_of_currencies_is_a_choice),
      cmocka_unit_test(the_code_of_a_refusal_is_a_choice),
      cmocka_unit_test(a_client_that_leaves_takes_its_queries_along),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(answers, check_answer) +
         RUN_ROWS(faults, check_fault);
}
