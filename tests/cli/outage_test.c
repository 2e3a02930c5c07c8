// What is told of a piece that is away, and how often.
#include "cli/outage.h"

#include <stdio.h>
#include <string.h>

#include "mesh/runtime/time.h"
#include "tests/unit.h"

typedef struct read_case {
  const char *name, *reason, *message;
  const char *who, *text;  // NULL: nobody is away
} read_case;

static const read_case reads[] = {
    {"a host that leaves", "DRAINING", "/millrace.v1.IbHost/FetchBars: this process is leaving",
     "ib-host", "ib-host restarts; waiting"},
    {"a host of two words", "DRAINING", "/millrace.v1.TrainingHost/Run: this process is leaving",
     "training-host", "training-host restarts; waiting"},
    {"a host that cannot be reached", "LINK_DOWN",
     "link ib-host (unix:/home/run/ib-host.sock): failed to connect", "ib-host",
     "ib-host is away; waiting"},
    {"a gateway that closed", "GATEWAY_DOWN", "gateway 127.0.0.1:4002: Connection refused",
     "127.0.0.1:4002", "gateway 127.0.0.1:4002 is away (Connection refused); waiting"},
    {"another reason", "PACING_VIOLATION", "link ib-host (unix:/x): pacing", NULL, NULL},
    {"no reason", "", "link ib-host (unix:/x): failed to connect", NULL, NULL},
    {"a message of another form", "LINK_DOWN", "the link is down", NULL, NULL},
    {"a path without a method", "DRAINING", "/millrace.v1.IbHost: leaves", NULL, NULL},
    {"a message that ends early", "GATEWAY_DOWN", "gateway ", NULL, NULL},
};

static void check_read(void **state) {
  const read_case *c = *state;
  char who[OUTAGE_TEXT_MAX], text[OUTAGE_TEXT_MAX];
  mesh_error why;
  mesh_fail(&why, GRPC_STATUS_UNAVAILABLE, "%s", c->message);
  mesh_error_set_reason(&why, c->reason, "test");
  assert_int_equal(outage_read(&why, who, text), c->who != NULL);
  if (c->who == NULL) return;
  assert_string_equal(who, c->who);
  assert_string_equal(text, c->text);
}

// Eleven attempts of four segments within two seconds.
static void one_line_for_all_that_meet_it(void **state) {
  (void)state;
  outage own = {0};
  int told = 0;
  for (int i = 0; i < 11; i++)
    told += outage_is_news(&own, "ib-host", mesh_ms_ns(1000 + 180 * i), 300);
  assert_int_equal(told, 1);
}

static void another_outage_is_another_line(void **state) {
  (void)state;
  outage own = {0};
  assert_true(outage_is_news(&own, "ib-host", mesh_ms_ns(1000), 100));
  assert_true(outage_is_news(&own, "gateway", mesh_ms_ns(1100), 100));
  assert_true(outage_is_news(&own, "gateway", mesh_ms_ns(20000), 100));
}

// A long wait between two attempts is no end of the outage; and a reader wants to hear of it again.
static void a_long_one_is_told_once_a_minute(void **state) {
  (void)state;
  outage own = {0};
  int told = 0;
  for (int s = 1; s <= 181; s += 15)
    told += outage_is_news(&own, "ib-host", mesh_s_ns(s), 15000);
  assert_int_equal(told, 4);
}

int main(void) {
  enum { READS = sizeof reads / sizeof *reads };
  struct CMUnitTest tests[READS + 3];
  for (size_t i = 0; i < READS; i++) {
    tests[i] = (struct CMUnitTest){
        .name = reads[i].name, .test_func = check_read, .initial_state = (void *)&reads[i]};
  }
  tests[READS] = (struct CMUnitTest)cmocka_unit_test(one_line_for_all_that_meet_it);
  tests[READS + 1] = (struct CMUnitTest)cmocka_unit_test(another_outage_is_another_line);
  tests[READS + 2] = (struct CMUnitTest)cmocka_unit_test(a_long_one_is_told_once_a_minute);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
