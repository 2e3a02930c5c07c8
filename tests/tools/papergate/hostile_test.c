// What a broken client or a full machine does to the gateway: nothing that outlives the connection.
#include <string.h>

#include "tests/tools/papergate/conversation.h"

enum { GARBLINGS = 20000, ALLOCATIONS_MAX = 10000 };

static const char *const requests[] = {
    BARS(5, SPX_CONTRACT, "20080101-00:00:00", "1 day", "1 W", "TRADES", 1, 0),
    BARS(6, SYN_CONTRACT, "", "1 min", "600 S", "TRADES", 2, 1),
    BARS(7, EURUSD_CONTRACT, "20170419 10:00:00 US/Eastern", "1 hour", "1 D", "MIDPOINT", 1, 0),
    BARS(8, SPX_CONTRACT, "", "1 day", "1 W", "SCHEDULE", 1, 0),
    "87|9|" SPX_CONTRACT "0|1|TRADES|1|",
    "9|8|10|" EURUSD_CONTRACT "|||||",
    "81|11|SYN7|",
    "25|1|6|",
    "90|9|",
    "7|3|5|0|||||||",
};

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

// A request with a few bytes changed, a piece cut out, or its end missing.
static void garble(char *text, uint64_t *random) {
  size_t size = strlen(text);
  for (uint64_t changes = 1 + next_random(random) % 3; changes > 0; changes--) {
    size_t at = next_random(random) % size;
    switch (next_random(random) % 4) {
      case 0:
        text[at] = "|0129- .xY"[next_random(random) % 10];
        break;
      case 1:
        text[at] = (char)(1 + next_random(random) % 255);
        break;
      case 2:
        memmove(text + at, text + at + 1, size - at);
        break;
      default:
        text[at + 1] = '\0';
    }
    size = strlen(text);
    if (size == 0) return;
  }
}

static void garbled_requests_are_answered_or_dropped(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--no-limits --now 2020-01-01");
  pg_session *session = conversation_login(&talk, 7);
  uint64_t random = 1;
  for (int i = 0; i < GARBLINGS; i++) {
    char text[512];
    snprintf(text, sizeof text, "%s", requests[next_random(&random) % COUNT_OF(requests)]);
    garble(text, &random);
    say(session, text);
    while (*hear(session) != '\0')
      continue;
    assert_int_equal(session->phase, PG_PHASE_READY);
  }
  say(session, "49|1|");
  expect(session, "49|1|1577836800|");
  conversation_end(&talk);
}

static void random_bytes_end_the_conversation_at_most(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--no-limits");
  uint64_t random = 2;
  for (int i = 0; i < 2000; i++) {
    pg_session *session = conversation_login(&talk, 7);
    for (int part = 0; part < 4 && session->phase != PG_PHASE_CLOSING; part++) {
      uint64_t bytes[8];
      for (size_t j = 0; j < COUNT_OF(bytes); j++) {
        bytes[j] = next_random(&random);
      }
      if (i % 2 == 0) memcpy(bytes, "\0\0\0\x3c", 4);  // half of them in a frame
      say_bytes(session, (const char *)bytes, sizeof bytes);
    }
    pg_session_close(session);
  }
  conversation_end(&talk);
}

// The linker lets these stand before the library's (--wrap): allocation number `fail_at` fails.
static int allocations, fail_at;

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_calloc(size_t count, size_t size) {
  return ++allocations == fail_at ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return ++allocations == fail_at ? NULL : __real_realloc(old, size);
}

// A whole conversation that takes every failure as it comes.
static void converse(const pg_options *options) {
  static const char hello[] =
      "API\0\0\0\0\x09v157..178\0\0\0\x08"
      "71\0"
      "2\0"
      "7\0";
  pg_gateway gateway;
  mesh_error err;
  if (pg_gateway_open(&gateway, options, &err) != GRPC_STATUS_OK) {
    assert_non_null(strstr(err.message, "out of memory"));
    return;
  }
  pg_session *session = pg_session_open(&gateway);
  for (size_t i = 0; session != NULL && i <= COUNT_OF(requests); i++) {
    char frame[256] = {0};
    size_t size = sizeof hello;
    memcpy(frame, hello, sizeof hello);
    if (i > 0) {
      size = 4 + strlen(requests[i - 1]);
      frame[2] = (char)((size - 4) >> 8);
      frame[3] = (char)(size - 4);
      for (size_t at = 4; at < size; at++) {
        frame[at] = requests[i - 1][at - 4];
        if (frame[at] == '|') frame[at] = '\0';
      }
    }
    char *room = ib_inbox_reserve(&session->in, size);
    if (room == NULL) break;  // the server closes such a connection
    memcpy(room, frame, size);
    ib_inbox_filled(&session->in, size);
    pg_session_receive(session);
  }
  if (session != NULL) pg_session_close(session);
  pg_gateway_close(&gateway);
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char directory[PATH_MAX], log[PATH_MAX + 16];
  make_directory(directory);
  snprintf(log, sizeof log, "%s/log", directory);
  char *argv[] = {
      (char[]){"papergate"},  (char[]){"--market"}, (char[]){SAMPLE_MARKET}, (char[]){"--log"}, log,
      (char[]){"--no-limits"}};
  pg_options options;
  mesh_error err;
  assert_int_equal(pg_options_parse((int)COUNT_OF(argv), argv, &options, &err), GRPC_STATUS_OK);
  for (fail_at = 1; fail_at < ALLOCATIONS_MAX; fail_at++) {
    allocations = 0;
    converse(&options);
    if (allocations < fail_at) break;  // the run met no failure
  }
  assert_true(fail_at > 20 && fail_at < ALLOCATIONS_MAX);
  fail_at = 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(garbled_requests_are_answered_or_dropped),
      cmocka_unit_test(random_bytes_end_the_conversation_at_most),
      cmocka_unit_test(each_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
