// The conversation apart from bars: greeting, ids, start-up requests, contracts, limits.
#include <string.h>

#include "tests/tools/papergate/conversation.h"

static const struct version_case {
  const char *name, *text;
  const char *want;  // the beginning of the answer; NULL: the gateway ends the conversation
} versions[] = {
    {"what ib_async says", "v157..178", "178|"},
    {"what @stoqey/ib says", "v100..193", "178|"},
    {"with connect options", "v157..178 +PACEAPI", "178|"},
    {"one version only", "v178", "178|"},
    {"the oldest with these layouts", "v100..176", "176|"},
    {"older", "v100..175", NULL},
    {"no version", "hello", NULL},
    {"empty", "", NULL},
};

static void check_version(void **state) {
  const struct version_case *c = *state;
  conversation talk;
  conversation_start(&talk, "--now 2026-11-23T23:06:11Z");
  pg_session *session = conversation_connect(&talk);
  say_bytes(session, "API\0", 4);
  char frame[64] = {0, 0, 0, (char)strlen(c->text)};
  memcpy(frame + 4, c->text, strlen(c->text));
  say_bytes(session, frame, 4 + strlen(c->text));
  const char *answer = hear(session);
  if (c->want == NULL) {
    assert_string_equal(answer, "");
    assert_int_equal(session->phase, PG_PHASE_CLOSING);
  } else {
    assert_memory_equal(answer, c->want, strlen(c->want));
    assert_string_equal(answer + strlen(c->want), "20261123 23:06:11 UTC papergate|");
  }
  conversation_end(&talk);
}

static void a_client_is_welcomed_whatever_the_cuts(void **state) {
  (void)state;
  static const char bytes[] =
      "API\0\0\0\0\x09v157..178\0\0\0\x08"
      "71\0"
      "2\0"
      "7\0";
  for (size_t cut = 1; cut < sizeof bytes; cut++) {
    conversation talk;
    conversation_start(&talk, "");
    pg_session *session = conversation_connect(&talk);
    say_bytes(session, bytes, cut);
    if (cut < sizeof bytes) say_bytes(session, bytes + cut, sizeof bytes - cut);
    assert_memory_equal(hear(session), "178|", 4);
    assert_string_equal(hear(session), "15|1|DU1234567|");
    assert_string_equal(hear(session), "9|1|1|");
    assert_string_equal(hear(session), "4|2|-1|2104|Market data farm connection is OK:usfarm||");
    assert_string_equal(hear(session), "4|2|-1|2106|HMDS data farm connection is OK:ushmds||");
    assert_string_equal(hear(session), "4|2|-1|2158|Sec-def data farm connection is OK:secdefil||");
    assert_string_equal(hear(session), "");
    conversation_end(&talk);
  }
}

static const struct garbage_case {
  const char *name, *bytes;
  size_t size;
} garbage[] = {
    {"a web browser", "GET / HTTP/1.1\r\n", 16},
    {"a greeting in small letters", "api\0", 4},
    {"a frame that is too long", "API\0\xff\xff\xff\xff", 8},
};

static void check_garbage(void **state) {
  const struct garbage_case *c = *state;
  conversation talk;
  conversation_start(&talk, "");
  pg_session *session = conversation_connect(&talk);
  say_bytes(session, c->bytes, c->size);
  assert_int_equal(session->phase, PG_PHASE_CLOSING);
  assert_string_equal(hear(session), "");
  conversation_end(&talk);
}

static void an_id_belongs_to_one_client_at_a_time(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "");
  pg_session *first = conversation_login(&talk, 7);
  pg_session *second = conversation_connect(&talk);
  static const char hello[] = "API\0\0\0\0\x09v157..178";
  say_bytes(second, hello, sizeof hello - 1);
  hear(second);
  say(second, "71|2|7||");
  assert_string_equal(hear(second),
                      "4|2|-1|326|Unable to connect as the client id is already in use. Retry with "
                      "a unique client id.||");
  assert_int_equal(second->phase, PG_PHASE_CLOSING);
  pg_session_close(second);
  pg_session_close(first);
  assert_int_equal(conversation_login(&talk, 7)->phase, PG_PHASE_READY);
  conversation_end(&talk);
}

static const struct request_case {
  const char *name, *request;
  const char *answers[4];  // in full; a trailing '*' stands for anything
} requests[] = {
    {"positions", "61|1|", {"62|1|"}},
    {"open orders", "5|1|", {"53|1|"}},
    {"all open orders", "16|1|", {"53|1|"}},
    {"completed orders", "99|0|", {"102|"}},
    {"account updates", "6|2|1|DU1234567|", {"54|1|DU1234567|"}},
    {"no more account updates", "6|2|0|DU1234567|", {NULL}},
    {"account updates of a model", "76|1|5|DU1234567||0|", {"74|1|5|"}},
    {"executions", "7|3|5|0|||||||", {"55|1|5|"}},
    {"automatic binding", "15|1|1|", {NULL}},
    {"accounts", "17|1|", {"15|1|DU1234567|"}},
    {"order ids", "8|1|1|", {"9|1|1|"}},
    {"the time", "49|1|", {"49|1|1577836800|"}},
    {"the kind of market data", "59|1|3|", {NULL}},
    {"an unknown message", "12345|1|", {NULL}},
    {"no number", "x|1|", {NULL}},
    {"market data",
     "1|11|5|" SPX_CONTRACT "0||1|0||",
     {"4|2|5|354|Requested market data is not subscribed.||"}},
    {"real-time bars", "50|3|5|" SPX_CONTRACT "5|TRADES|1||", {"4|2|5|420|*"}},
    {"ticks", "96|5|" SPX_CONTRACT "0||20250321-09:30:00|10|TRADES|1|0||", {"4|2|5|10187|*"}},
    {"a currency pair",
     "9|8|5|" EURUSD_CONTRACT "|||||",
     {"10|5|EUR|CASH||0||IDEALPRO|USD|EUR.USD|EUR.USD|EUR.USD|738221602|0.00005||LMT,MKT|IDEALPRO|1"
      "|0|euro.US dollar||||||UTC|20200101:0000-20200102:0000;*",
      "52|1|5|"}},
    {"an index",
     "9|8|5|" SPX_CONTRACT "0||||",
     {"10|5|SPX|IND||0||CBOE|USD|SPX|SPX|SPX|*", "52|1|5|"}},
    {"a stock",
     "9|8|5|" SYN_CONTRACT "0||||",
     {"10|5|SYN1|STK||0||SMART|USD|SYN1|NMS|NMS|*", "52|1|5|"}},
    {"a number of a contract", "9|8|5|738221602||||||||||||0||||", {"10|5|EUR|CASH|*", "52|1|5|"}},
    {"another currency", "9|8|5||SPX|IND|||||CBOE||EUR|||0||||", {"4|2|5|200|No security*"}},
    {"another exchange", "9|8|5||SPX|IND|||||NASDAQ||USD|||0||||", {"4|2|5|200|No security*"}},
    {"another kind", "9|8|5||SPX|STK|||||SMART||USD|||0||||", {"4|2|5|200|No security*"}},
    {"a pair by its whole name",
     "9|8|5||EURUSD|CASH|||||IDEALPRO||USD|||0||||",
     {"4|2|5|200|No security*"}},
    {"a pair by its local symbol",
     "9|8|5|||CASH||||||||EUR.USD||0||||",
     {"10|5|EUR|CASH|*", "52|1|5|"}},
    {"no kind", "9|8|5||SPX||||||CBOE||USD|||0||||", {"4|2|5|321|*"}},
    {"an unreadable number", "9|8|5|x|SPX|IND|||||CBOE||USD|||0||||", {"4|2|5|320|*"}},
    {"a request that is cut short", "9|8|5||SPX|", {"4|2|5|320|*"}},
    {"symbols by a part of their name",
     "81|5|eur|",
     {"79|5|1|738221602|EUR|CASH|IDEALPRO|USD|0|euro.US dollar||"}},
    {"a made-up symbol", "81|5|SYN9|", {"79|5|1|*"}},
    {"no symbol", "81|5|nothing|", {"79|5|0|"}},
    {"an empty pattern", "81|5||", {"79|5|0|"}},
};

static void check_request(void **state) {
  const struct request_case *c = *state;
  conversation talk;
  conversation_start(&talk, "--now 2020-01-01");
  pg_session *session = conversation_login(&talk, 7);
  say(session, c->request);
  for (size_t i = 0; i < COUNT_OF(c->answers) && c->answers[i] != NULL; i++) {
    expect(session, c->answers[i]);
  }
  assert_string_equal(hear(session), "");
  assert_int_equal(session->phase, PG_PHASE_READY);
  conversation_end(&talk);
}

static void messages_before_start_api_are_dropped(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "");
  pg_session *session = conversation_connect(&talk);
  static const char hello[] = "API\0\0\0\0\x09v157..178";
  say_bytes(session, hello, sizeof hello - 1);
  hear(session);
  say(session, "49|1|");
  assert_string_equal(hear(session), "");
  conversation_end(&talk);
}

static void too_many_messages_are_refused(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--messages-per-second 5");
  pg_session *session = conversation_login(&talk, 7);  // one message
  for (int i = 0; i < 4; i++) {
    say(session, "49|1|");
    assert_memory_equal(hear(session), "49|1|", 5);
  }
  say(session, "49|1|");
  assert_string_equal(hear(session),
                      "4|2|-1|100|Max rate of messages per second has been "
                      "exceeded:max=5 rec=6 (1)||");
  assert_int_equal(session->phase, PG_PHASE_READY);
  conversation_end(&talk);
}

static void the_gateway_can_end_a_conversation(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--disconnect-after 3");
  pg_session *session = conversation_login(&talk, 7);
  say(session, "49|1|");
  assert_int_equal(session->phase, PG_PHASE_READY);
  say(session, "49|1|");
  assert_int_equal(session->phase, PG_PHASE_CLOSING);
  pg_session_close(session);
  session = conversation_login(&talk, 7);  // once is enough
  for (int i = 0; i < 5; i++) {
    say(session, "49|1|");
  }
  assert_int_equal(session->phase, PG_PHASE_READY);
  conversation_end(&talk);
}

static void a_gateway_that_hangs_says_nothing(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "--hang");
  pg_session *session = conversation_login(&talk, 7);
  assert_string_equal(hear(session), "");
  assert_int_equal(session->phase, PG_PHASE_GREETING);
  conversation_end(&talk);
}

static void the_log_tells_what_arrived(void **state) {
  (void)state;
  conversation talk;
  conversation_start(&talk, "");
  pg_session *session = conversation_login(&talk, 7);
  say(session, "81|5|eur|");
  say(session, "12345|1|");
  pg_session_close(session);
  assert_int_equal(logged(&talk, "\"event\":\"connect\""), 1);
  assert_int_equal(logged(&talk, "\"client\":7,\"event\":\"startApi\""), 1);
  assert_int_equal(logged(&talk,
                          "\"client\":7,\"event\":\"reqMatchingSymbols\",\"pattern\":\"eur\","
                          "\"reqId\":5}"),
                   1);
  assert_int_equal(logged(&talk, "\"event\":\"unknown\",\"message\":12345}"), 1);
  assert_int_equal(logged(&talk, "\"client\":7,\"event\":\"disconnect\",\"messages\":3}"), 1);
  conversation_end(&talk);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_is_welcomed_whatever_the_cuts),
      cmocka_unit_test(an_id_belongs_to_one_client_at_a_time),
      cmocka_unit_test(messages_before_start_api_are_dropped),
      cmocka_unit_test(too_many_messages_are_refused),
      cmocka_unit_test(the_gateway_can_end_a_conversation),
      cmocka_unit_test(a_gateway_that_hangs_says_nothing),
      cmocka_unit_test(the_log_tells_what_arrived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(versions, check_version) +
         RUN_ROWS(garbage, check_garbage) + RUN_ROWS(requests, check_request);
}
