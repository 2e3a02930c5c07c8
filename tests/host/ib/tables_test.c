// The tables of the host: errors, contracts, windows, and the pace.
#include <stdio.h>
#include <string.h>

#include "host/ib/bar_size.h"
#include "host/ib/bar_window.h"
#include "host/ib/contracts.h"
#include "host/ib/error_table.h"
#include "host/ib/governor.h"
#include "host/ib/pacer.h"
#include "tests/unit.h"

typedef struct row {
  const char *name;
  void (*run)(void);
} row;

// ---- errors ----

typedef struct error_case {
  int code;
  const char *text;
  ib_error_class want;
} error_case;

static const error_case error_cases[] = {
    {162, "Historical Market Data Service error message:HMDS query returned no data: X",
     IB_NO_DATA},
    {162, "Historical Market Data Service error message:Historical data request pacing violation",
     IB_PACING},
    {162, "Historical Market Data Service error message:API historical data query cancelled: 3",
     IB_CANCELLED},
    {162, "Historical Market Data Service error message:invalid step", IB_FATAL},
    {162, "Historical Market Data Service error message:No market data permissions", IB_FATAL},
    {162, "Historical Market Data Service error message:Time length exceed max.", IB_FATAL},
    {162,
     "Historical Market Data Service error message:HMDS Expired Contract Violation:contract can "
     "not expire",
     IB_FATAL},
    {162, "Historical Market Data Service error message:no head time stamp", IB_FATAL},
    {162,
     "Historical Market Data Service error message:Starting time must occur before ending time",
     IB_FATAL},
    {162,
     "Historical Market Data Service error message:Trading TWS session is connected from a "
     "different IP address",
     IB_RETRY},
    {162, "Historical Market Data Service error message:something new", IB_RETRY},
    {322, "Only 50 simultaneous API historical data requests allowed", IB_PACING},
    {322, "Duplicate ticker ID for API historical data query", IB_FATAL},
    {420, "Invalid real-time query: pacing violation", IB_PACING},
    {420, "Invalid real-time query: no permissions", IB_FATAL},
    {200, "No security definition has been found", IB_FATAL},
    {326, "client id is in use", IB_DISCONNECT},
    {366, "No historical data query found for ticker id:3", IB_CANCELLED},
    {1100, "lost", IB_LOST},
    {1101, "restored", IB_RESTORED},
    {1102, "restored", IB_RESTORED},
    {2104, "farm is OK", IB_INFORMATION},
    {2110, "broken", IB_LOST},
    {2174, "zone", IB_INFORMATION},
    {10197, "competing session", IB_RETRY},
    {10314, "bad end date", IB_FATAL},
    {99999, "unknown", IB_FATAL},
    {777, "unknown", IB_RETRY},
};

static void codes_are_classified_by_number_and_text(void) {
  for (size_t i = 0; i < sizeof error_cases / sizeof *error_cases; i++) {
    const error_case *one = &error_cases[i];
    if (ib_error_classify(one->code, one->text) != one->want) {
      fail_msg("%d %s: class %d", one->code, one->text, ib_error_classify(one->code, one->text));
    }
  }
}

static void errors_say_whether_waiting_helps(void) {
  mesh_error err;
  assert_int_equal(ib_error_fill(200, "No security definition", 15000, &err),
                   GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "IB error 200: No security definition");
  assert_string_equal(err.reason, "NO_CONTRACT");
  assert_false(mesh_error_is_retryable(&err));
  assert_int_equal(ib_error_fill(162, "pacing violation", 15000, &err),
                   GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_int_equal(err.retry_after_ms, 15000);
  assert_int_equal(ib_error_fill(354, "not subscribed", 0, &err), GRPC_STATUS_PERMISSION_DENIED);
  assert_int_equal(ib_error_fill(321, "refused", 0, &err), GRPC_STATUS_FAILED_PRECONDITION);
  assert_false(mesh_error_is_retryable(&err));
  assert_int_equal(ib_error_fill(162, "odd", 0, &err), GRPC_STATUS_UNAVAILABLE);
  assert_true(mesh_error_is_retryable(&err));
  assert_int_equal(err.retry_after_ms, 1000);
  assert_string_equal(err.reason, "GATEWAY_ERROR");
  // Somebody else is logged in: that takes a person's time, not a computer's.
  assert_int_equal(ib_error_fill(10197, "competing", 0, &err), GRPC_STATUS_UNAVAILABLE);
  assert_int_equal(err.retry_after_ms, 60000);
  assert_string_equal(err.reason, "COMPETING_SESSION");
  assert_int_equal(ib_error_fill(162, "session is connected from a different IP address", 0, &err),
                   GRPC_STATUS_UNAVAILABLE);
  assert_int_equal(err.retry_after_ms, 60000);
  assert_string_equal(err.reason, "COMPETING_SESSION");
  assert_int_equal(ib_error_fill(162, "No head time stamp", 0, &err), GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.reason, "NO_DATA");
  assert_int_equal(ib_error_fill(162, "Time length exceed max.", 0, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
}

// ---- contracts ----

static void expect_contract(const char *symbol, const char *want) {
  ib_series series;
  assert_int_equal(ib_series_of(symbol, 0, "", "", &series, NULL), GRPC_STATUS_OK);
  char got[256];
  const ib_contract *contract = &series.contract;
  snprintf(got, sizeof got, "%s %s %s %s %s", contract->symbol, contract->sec_type,
           contract->exchange, contract->currency, series.prices);
  assert_string_equal(got, want);
}

static void symbols_become_contracts(void) {
  expect_contract("EURUSD", "EUR CASH IDEALPRO USD MIDPOINT");
  expect_contract("SPX", "SPX IND CBOE USD TRADES");
  expect_contract("AAPL", "AAPL STK SMART USD TRADES");
  expect_contract("GOOGLE", "GOOGLE STK SMART USD TRADES");  // six letters, no currencies
  expect_contract("DAX:IND:EUREX:EUR", "DAX IND EUREX EUR TRADES");
}

static void a_broken_contract_is_refused(void) {
  ib_contract contract;
  mesh_error err;
  assert_int_equal(ib_contract_of("SPX:IND", &contract, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(ib_contract_of("", &contract, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(ib_contract_of("A:B:C:D:E", &contract, &err), GRPC_STATUS_INVALID_ARGUMENT);
  ib_series series;
  assert_int_equal(ib_series_of("AAPL", 0, "LAST", "", &series, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(ib_series_of("AAPL", 0, "", "night", &series, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
}

// ---- windows ----

static void expect_window(const char *frame, int64_t from_s, int64_t to_s, int64_t now_s,
                          const char *want) {
  ib_bar_window window;
  assert_int_equal(ib_bar_window_of(frame, from_s, to_s, now_s, &window, NULL), GRPC_STATUS_OK);
  char got[96];
  snprintf(got, sizeof got, "%s, %s, %s", window.bar_size, window.duration, window.end);
  assert_string_equal(got, want);
}

static void windows_are_written_as_durations(void) {
  enum { DAY = 86400 };
  const int64_t late = INT64_MAX;
  expect_window("1m", 0, 3600, late, "1 min, 3600 S, 19700101-01:00:00");
  expect_window("1m", 0, 10, late, "1 min, 30 S, 19700101-00:00:10");
  expect_window("1m", 0, 7 * DAY, late, "1 min, 7 D, 19700108-00:00:00");
  // The last bar may reach beyond the end, and would be cut there: one bar more is asked for.
  expect_window("15m", 0, 3600, late, "15 mins, 4500 S, 19700101-01:15:00");
  expect_window("1h", 0, 90 * DAY + 1, late, "1 hour, 91 D, 19700401-01:00:01");
  expect_window("1d", 0, DAY, late, "1 day, 2 D, 19700103-00:00:00");
  expect_window("1d", 0, 4 * 365 * DAY, late, "1 day, 5 Y, 19740101-00:00:00");
  expect_window("1w", -3 * DAY, 4 * DAY, late, "1W, 14 D, 19700112-00:00:00");
  // But nothing later than the gateway's clock.
  expect_window("1h", 0, 7200, 10800, "1 hour, 10800 S, 19700101-03:00:00");
  expect_window("1h", 0, 7200, 10799, "1 hour, 7200 S, 19700101-02:00:00");
}

static void a_wrong_window_is_refused(void) {
  ib_bar_window window;
  mesh_error err;
  assert_int_equal(ib_bar_window_of("7m", 0, 1, 9, &window, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(ib_bar_window_of("1m", 1, 1, 9, &window, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(ib_bar_window_of("1m", 0, INT64_MAX, 9, &window, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
}

static void bar_sizes_are_found_both_ways(void) {
  for (int i = 0; i < TIMEFRAMES; i++)
    assert_ptr_equal(ib_timeframe_of(ib_bar_size(&timeframes()[i])), &timeframes()[i]);
  assert_string_equal(ib_bar_size(timeframe_named("1s")), "1 secs");
  assert_string_equal(ib_bar_size(timeframe_named("20m")), "20 mins");
  assert_string_equal(ib_bar_size(timeframe_named("8h")), "8 hours");
  assert_string_equal(ib_bar_size(timeframe_named("1M")), "1M");
  assert_ptr_equal(ib_timeframe_of("1 week"), timeframe_named("1w"));
  assert_ptr_equal(ib_timeframe_of("1 month"), timeframe_named("1M"));
  assert_null(ib_timeframe_of("1 sec"));
  assert_null(ib_timeframe_of("1 minute"));
}

// ---- the pace ----

// However the messages come, no second sees more than the rate and one burst.
static void no_second_sees_more_than_the_rate(void) {
  enum { RATE = 40, MESSAGES = 1000 };
  ib_pacer pacer;
  ib_pacer_init(&pacer, RATE, 0);
  int64_t now_ns = 0, sent[MESSAGES];
  for (int i = 0; i < MESSAGES; i++) {
    for (int64_t wait; (wait = ib_pacer_take(&pacer, now_ns)) > 0;)
      now_ns += wait;
    sent[i] = now_ns;
    if (i % 100 == 99) now_ns += INT64_C(3000000000);  // a pause must not save up more than a burst
  }
  for (int i = RATE + RATE / 10; i < MESSAGES; i++) {
    assert_true(sent[i] - sent[i - RATE - RATE / 10] >= INT64_C(999999999));
  }
}

// By brute force over all that was sent: IB's rules, as its documentation has them.
static void no_pacing_rule_is_broken(void) {
  enum { SENT = 600, CONTRACTS = 7, REQUESTS = 40 };
  static int64_t at[SENT];
  static ib_governed what[SENT];
  uint64_t seed = 20261126;
  for (int64_t speed = 1; speed <= 60; speed += 59) {
    ib_governor governor = {.speed = speed};
    int64_t now_ns = 5, minute_ns = INT64_C(60000000000) / speed, sum = 0;
    for (int i = 0; i < SENT; i++) {
      seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
      what[i] = (ib_governed){.contract = 1 + (seed >> 33) % CONTRACTS,
                              .request = 1 + (seed >> 43) % REQUESTS,
                              .twice = (seed >> 55) % 5 == 0};
      sum += what[i].twice ? 2 : 1;
      for (int64_t wait; (wait = ib_governor_take(&governor, what[i], now_ns)) > 0;)
        now_ns += wait;
      at[i] = now_ns;
      if ((seed >> 50) % 4 == 0) now_ns += (int64_t)(seed >> 40) % minute_ns / 30;
    }
    for (int i = 0; i < SENT; i++) {
      int in_10_minutes = 0, of_contract = 0;
      for (int k = i; k >= 0 && at[i] - at[k] < 10 * minute_ns; k--) {
        int counts = what[k].twice ? 2 : 1;
        in_10_minutes += counts;
        bool recent = at[i] - at[k] < minute_ns / 30;
        of_contract += recent && what[k].contract == what[i].contract ? counts : 0;
        bool same = k < i && what[k].request == what[i].request;
        assert_false(same && at[i] - at[k] < minute_ns / 4);
      }
      assert_in_range(in_10_minutes, 1, 60);
      assert_in_range(of_contract, 1, 5);
    }
    // While there is work, as much as the margins leave: 58 in ten minutes and a quarter of a
    // second.
    assert_true(at[SENT - 1] - at[0] <= (sum / 56 + 1) * 10 * minute_ns);
  }
}

static void a_violation_slows_down(void) {
  static const int waits_s[] = {15, 60, 600, 600};
  ib_governor governor = {.speed = 1};
  int64_t now_ns = 5;
  for (int i = 0; i < 4; i++) {
    ib_governed what = {.contract = 1, .request = 1 + (uint64_t)i};
    assert_int_equal(ib_governor_take(&governor, what, now_ns), 0);
    ib_governor_violated(&governor, now_ns);
    what.request = 100;
    assert_int_equal(ib_governor_take(&governor, what, now_ns), waits_s[i] * INT64_C(1000000000));
    now_ns += waits_s[i] * INT64_C(1000000000);
  }
  ib_governor_answered(&governor);
  ib_governor_violated(&governor, now_ns);
  assert_int_equal(
      ib_governor_take(&governor, (ib_governed){.contract = 1, .request = 200}, now_ns),
      15 * INT64_C(1000000000));
}

static void no_rate_is_no_wait(void) {
  ib_pacer pacer;
  ib_pacer_init(&pacer, 0, 0);
  for (int i = 0; i < 1000; i++)
    assert_int_equal(ib_pacer_take(&pacer, 0), 0);
}

static const row rows[] = {
    {"codes are classified by number and text", codes_are_classified_by_number_and_text},
    {"errors say whether waiting helps", errors_say_whether_waiting_helps},
    {"symbols become contracts", symbols_become_contracts},
    {"a broken contract is refused", a_broken_contract_is_refused},
    {"windows are written as durations", windows_are_written_as_durations},
    {"a wrong window is refused", a_wrong_window_is_refused},
    {"bar sizes are found both ways", bar_sizes_are_found_both_ways},
    {"no second sees more than the rate", no_second_sees_more_than_the_rate},
    {"no pacing rule is broken", no_pacing_rule_is_broken},
    {"a violation slows down", a_violation_slows_down},
    {"no rate is no wait", no_rate_is_no_wait},
};

static void check(void **state) {
  ((const row *)*state)->run();
}

int main(void) {
  RUN_ROWS("tables", rows, check);
}
