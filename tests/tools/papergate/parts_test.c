// Limits, timers, faults, flags and log lines: the parts that know nothing of each other.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/papergate/files.h"
#include "tools/papergate/faults.h"
#include "tools/papergate/log.h"
#include "tools/papergate/options.h"
#include "tools/papergate/pacing.h"
#include "tools/papergate/timers.h"
#include "tools/papergate/times.h"

static const int64_t second_ns = 1000000000;

// --- Messages a second ---

static void fifty_messages_a_second_are_let_through(void **state) {
  (void)state;
  pg_rate rate = {0};
  for (int second = 0; second < 5; second++) {
    for (int i = 0; i < 50; i++) {
      assert_int_equal(pg_rate_admit(&rate, 50, second * second_ns + i), PG_RATE_OK);
    }
  }
}

static void the_third_second_of_too_many_closes(void **state) {
  (void)state;
  pg_rate rate = {0};
  for (int second = 0; second < 3; second++) {
    int64_t now_ns = second * second_ns;
    for (int i = 0; i < 50; i++) {
      assert_int_equal(pg_rate_admit(&rate, 50, now_ns), PG_RATE_OK);
    }
    pg_rate_verdict want = second < 2 ? PG_RATE_REFUSED : PG_RATE_CLOSE;
    assert_int_equal(pg_rate_admit(&rate, 50, now_ns), want);
    assert_int_equal(pg_rate_admit(&rate, 50, now_ns + 1), want);  // the same second: one breach
    assert_int_equal(rate.breaches, second + 1);
  }
}

static void any_second_counts_not_only_whole_ones(void **state) {
  (void)state;
  pg_rate rate = {0};
  for (int i = 0; i < 50; i++) {
    assert_int_equal(pg_rate_admit(&rate, 50, second_ns / 2), PG_RATE_OK);
  }
  assert_int_equal(pg_rate_admit(&rate, 50, second_ns + second_ns / 4), PG_RATE_REFUSED);
  assert_int_equal(pg_rate_admit(&rate, 50, second_ns + second_ns / 2), PG_RATE_OK);
}

// --- Requests for small bars ---

static const struct pacing_case {
  const char *name;
  pg_pacing_limits limits;
  int count;  // requests that are let through
  double gap_s;
  bool identical, same_contract;
  int weight;
  bool next;  // whether one more is let through
} pacing_cases[] = {
    {"the 61st within ten minutes", {60, 15, 5}, 60, 3, false, false, 1, false},
    {"the 61st after ten minutes", {60, 15, 5}, 60, 10.1, false, false, 1, true},
    {"BID_ASK counts twice", {60, 15, 5}, 30, 3, false, false, 2, false},
    {"identical after 14 seconds", {60, 15, 5}, 1, 14, true, true, 1, false},
    {"identical after 15 seconds", {60, 15, 5}, 1, 15, true, true, 1, true},
    {"the sixth for a contract within two seconds", {60, 15, 5}, 5, 0.3, false, true, 1, false},
    {"the sixth for a contract after two seconds", {60, 15, 5}, 5, 0.4, false, true, 1, true},
    {"no limits", {0, 0, 0}, 200, 0, true, true, 1, true},
    {"only the total", {60, 0, 0}, 59, 0, true, true, 1, true},
};

static pg_pacing_key key_of(const struct pacing_case *c, int i) {
  return (pg_pacing_key){.request = c->identical ? 1 : (uint64_t)i + 1,
                         .contract = c->same_contract ? 1 : (uint64_t)i + 1,
                         .weight = c->weight};
}

static void check_pacing(void **state) {
  const struct pacing_case *c = *state;
  pg_pacing pacing = {0};
  int64_t gap_ns = (int64_t)(c->gap_s * 1e9);
  for (int i = 0; i < c->count; i++) {
    assert_true(pg_pacing_admit(&pacing, &c->limits, key_of(c, i), i * gap_ns));
  }
  pg_pacing_key next = key_of(c, c->count);
  assert_int_equal(pg_pacing_admit(&pacing, &c->limits, next, c->count * gap_ns), c->next);
  pg_pacing_fini(&pacing);
}

static void hashes_know_where_a_field_ends(void **state) {
  (void)state;
  assert_true(pg_hash(pg_hash(0, "ab"), "c") != pg_hash(pg_hash(0, "a"), "bc"));
  assert_true(pg_hash(0, "a") == pg_hash(0, "a"));
}

// --- Timers ---

typedef struct ringing {
  pg_timer timer;
  char name;
  char *heard;
} ringing;

static void ring(pg_timer *timer) {
  ringing *r = (ringing *)timer;
  strncat(r->heard, &r->name, 1);
}

static void timers_fire_in_the_order_of_their_times(void **state) {
  (void)state;
  char heard[8] = "";
  pg_timers timers = {0};
  ringing a = {.timer.fire = ring, .name = 'a', .heard = heard};
  ringing b = {.timer.fire = ring, .name = 'b', .heard = heard};
  ringing c = {.timer.fire = ring, .name = 'c', .heard = heard};
  assert_true(pg_timers_next_ns(&timers) == INT64_MAX);
  pg_timer_start(&timers, &b.timer, 20);
  pg_timer_start(&timers, &a.timer, 10);
  pg_timer_start(&timers, &c.timer, 20);
  assert_int_equal(pg_timers_next_ns(&timers), 10);
  pg_timers_run(&timers, 9);
  assert_string_equal(heard, "");
  pg_timers_run(&timers, 20);
  assert_string_equal(heard, "abc");
  assert_true(pg_timers_next_ns(&timers) == INT64_MAX);
}

static void a_stopped_timer_is_silent_and_a_restarted_one_fires_once(void **state) {
  (void)state;
  char heard[8] = "";
  pg_timers timers = {0};
  ringing a = {.timer.fire = ring, .name = 'a', .heard = heard};
  ringing b = {.timer.fire = ring, .name = 'b', .heard = heard};
  pg_timer_start(&timers, &a.timer, 10);
  pg_timer_start(&timers, &b.timer, 10);
  pg_timer_start(&timers, &a.timer, 30);
  pg_timer_stop(&b.timer);
  pg_timer_stop(&b.timer);
  pg_timers_run(&timers, 20);
  assert_string_equal(heard, "");
  pg_timers_run(&timers, 30);
  pg_timers_run(&timers, 40);
  assert_string_equal(heard, "a");
}

// --- Faults ---

static void each_fault_hits_its_request_only(void **state) {
  (void)state;
  pg_options options = {
      .drop_reply = 2, .pacing_error = 3, .garbage_frame = 4, .garbage_length = 5};
  static const pg_fault want[] = {PG_FAULT_NONE,   PG_FAULT_NONE,          PG_FAULT_DROP,
                                  PG_FAULT_PACING, PG_FAULT_GARBAGE_FRAME, PG_FAULT_GARBAGE_LENGTH,
                                  PG_FAULT_NONE};
  for (int i = 1; i < (int)COUNT_OF(want); i++) {
    assert_int_equal(pg_fault_of(&options, i), want[i]);
  }
}

static const struct outage_case {
  const char *name, *list;
  int count;                        // -1: refused
  int64_t code, request, delay_ms;  // of the last
} outages[] = {
    {"none", "", 0, 0, 0, 0},
    {"one", "1100@3", 1, 1100, 3, 0},
    {"two", "1100@3,1102@3+500", 2, 1102, 3, 500},
    {"another code", "1103@3", -1, 0, 0, 0},
    {"no request", "1100", -1, 0, 0, 0},
    {"request 0", "1100@0", -1, 0, 0, 0},
    {"a negative delay", "1100@1+-5", -1, 0, 0, 0},
    {"text behind it", "1100@1;1102@2", -1, 0, 0, 0},
    {"too many",
     "1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,1100@1,"
     "1100@1,1100@1,1100@1,1100@1",
     -1, 0, 0, 0},
};

static void check_outage(void **state) {
  const struct outage_case *c = *state;
  pg_outage parsed[PG_OUTAGES_MAX];
  int count;
  mesh_error err;
  mesh_code code = pg_outages_parse(c->list, parsed, &count, &err);
  if (c->count < 0) {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "--connectivity"));
    return;
  }
  assert_int_equal(code, GRPC_STATUS_OK);
  assert_int_equal(count, c->count);
  if (count == 0) return;
  assert_int_equal(parsed[count - 1].code, c->code);
  assert_int_equal(parsed[count - 1].request, c->request);
  assert_int_equal(parsed[count - 1].delay_ms, c->delay_ms);
}

// --- Flags ---

static mesh_code parse(const char *words, pg_options *out, mesh_error *err) {
  char text[256];
  snprintf(text, sizeof text, "papergate %s", words);
  char *argv[16];
  int argc = 0;
  for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
    argv[argc++] = word;
  }
  return pg_options_parse(argc, argv, out, err);
}

static const struct flag_case {
  const char *name, *words;
  const char *refusal;
} flag_cases[] = {
    {"none", "", NULL},
    {"a value behind a space", "--port 0", NULL},
    {"a value behind an equals sign", "--port=0", NULL},
    {"the last one counts", "--port 99999 --port 1", NULL},
    {"unknown", "--prot 1", "unknown flag --prot"},
    {"a word", "market", "unknown flag market"},
    {"no value", "--port", "--port needs a value: N"},
    {"no number", "--port x", "--port: \"x\" is not N"},
    {"a negative number", "--latency-ms -1", "--latency-ms: \"-1\" is not N"},
    {"a port too high", "--port 65536", "--port: 65536 is above 65535"},
    {"a value for a switch", "--refuse=yes", "unknown flag --refuse=yes"},
    {"neither on nor off", "--forex-volume maybe", "--forex-volume: \"maybe\" is not on|off"},
    {"no time", "--now soon", "--now: \"soon\" is not TIME"},
    {"hours", "--rth 13:30-20:00", NULL},
    {"hours that go back", "--rth 20:00-13:30", "--rth"},
    {"no hours", "--rth 9-17", "--rth"},
    {"a clock that stands", "--clock-speed 0", "--clock-speed"},
};

static void check_flag(void **state) {
  const struct flag_case *c = *state;
  pg_options options;
  mesh_error err = {0};
  mesh_code code = parse(c->words, &options, &err);
  assert_int_equal(code, c->refusal == NULL ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT);
  if (c->refusal != NULL && strncmp(err.message, c->refusal, strlen(c->refusal)) != 0) {
    fail_msg("%s", err.message);
  }
}

static void defaults_are_those_of_a_real_gateway(void **state) {
  (void)state;
  pg_options options;
  mesh_error err;
  assert_int_equal(parse("", &options, &err), GRPC_STATUS_OK);
  assert_int_equal(options.port, 4002);
  assert_int_equal(options.messages_per_second, 50);
  assert_int_equal(options.requests_per_10_minutes, 60);
  assert_int_equal(options.identical_seconds, 15);
  assert_int_equal(options.open_requests, 50);
  assert_int_equal(options.max_clients, 32);
  assert_true(options.forex_volume);
  assert_int_equal(options.syn_start, 946857600);
}

static void no_limits_means_none(void **state) {
  (void)state;
  pg_options options;
  mesh_error err;
  assert_int_equal(parse("--no-limits --rth 13:30-20:00", &options, &err), GRPC_STATUS_OK);
  assert_int_equal(options.messages_per_second + options.requests_per_10_minutes, 0);
  assert_int_equal(options.identical_seconds + options.same_contract_per_2_seconds, 0);
  assert_int_equal(options.open_requests + options.max_clients + options.max_bars, 0);
  assert_int_equal(options.rth.from, 13 * CIVIL_HOUR + 30 * CIVIL_MINUTE);
  assert_int_equal(options.rth.to, 20 * CIVIL_HOUR);
}

// --- The log ---

static void a_line_is_json_whatever_a_client_sends(void **state) {
  (void)state;
  char directory[PATH_MAX], path[PATH_MAX + 16], line[4096];
  make_directory(directory);
  snprintf(path, sizeof path, "%s/log", directory);
  pg_log log;
  mesh_error err;
  assert_int_equal(pg_log_open(&log, path, &err), GRPC_STATUS_OK);
  pg_log_begin(&log, 7, "test");
  pg_log_text(&log, "symbol", "a\"b\\c\n\xff");
  pg_log_int(&log, "reqId", -1);
  pg_log_end(&log);
  char endless[3000];
  memset(endless, '\\', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  pg_log_begin(&log, -1, "test");
  pg_log_text(&log, "symbol", endless);
  pg_log_int(&log, "lost", 1);
  pg_log_end(&log);
  pg_log_close(&log);

  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(line, sizeof line, file));
  assert_non_null(strstr(line,
                         "\"client\":7,\"event\":\"test\",\"symbol\":"
                         "\"a\\u0022b\\u005cc\\u000a\\u00ff\",\"reqId\":-1}\n"));
  assert_non_null(fgets(line, sizeof line, file));
  size_t length = strlen(line);
  assert_true(length < sizeof log.line);
  assert_string_equal(line + length - 3, "\"}\n");
  fclose(file);
}

static void a_log_that_cannot_be_written_is_named(void **state) {
  (void)state;
  pg_log log;
  mesh_error err;
  assert_int_equal(pg_log_open(&log, "/nonexistent/log", &err), GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "log /nonexistent/log: No such file or directory");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fifty_messages_a_second_are_let_through),
      cmocka_unit_test(the_third_second_of_too_many_closes),
      cmocka_unit_test(any_second_counts_not_only_whole_ones),
      cmocka_unit_test(hashes_know_where_a_field_ends),
      cmocka_unit_test(timers_fire_in_the_order_of_their_times),
      cmocka_unit_test(a_stopped_timer_is_silent_and_a_restarted_one_fires_once),
      cmocka_unit_test(each_fault_hits_its_request_only),
      cmocka_unit_test(defaults_are_those_of_a_real_gateway),
      cmocka_unit_test(no_limits_means_none),
      cmocka_unit_test(a_line_is_json_whatever_a_client_sends),
      cmocka_unit_test(a_log_that_cannot_be_written_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(pacing_cases, check_pacing) +
         RUN_ROWS(outages, check_outage) + RUN_ROWS(flag_cases, check_flag);
}
