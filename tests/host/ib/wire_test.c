#include "host/ib/wire.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

// Frames as a gateway sent them at server version 178.
static const char version_frame[] =
    "\x00\x00\x00\x1a"
    "178\0"
    "20261123 23:06:11 EST";
static const char accounts_frame[] =
    "\x00\x00\x00\x0f"
    "15\0"
    "1\0"
    "DU1234567";
static const char next_id_frame[] =
    "\x00\x00\x00\x06"
    "9\0"
    "1\0"
    "1";

// The three of them in a row, as they would arrive. The NUL of each literal ends its last field.
static size_t captured_stream(char *out) {
  size_t size = 0;
  memcpy(out, version_frame, sizeof version_frame);
  size += sizeof version_frame;
  memcpy(out + size, accounts_frame, sizeof accounts_frame);
  size += sizeof accounts_frame;
  memcpy(out + size, next_id_frame, sizeof next_id_frame);
  return size + sizeof next_id_frame;
}

static void feed(ib_inbox *inbox, const char *bytes, size_t size) {
  if (size == 0) return;
  char *room = ib_inbox_reserve(inbox, size);
  assert_non_null(room);
  memcpy(room, bytes, size);
  ib_inbox_filled(inbox, size);
}

// Takes what is whole and adds the first field of each message to `seen`.
static void drain(ib_inbox *inbox, char *seen) {
  ib_message message;
  while (ib_inbox_take(inbox, &message) == IB_TAKE_DONE) {
    ib_fields fields = ib_fields_of(message);
    strcat(seen, ib_take_text(&fields));
    strcat(seen, " ");
  }
}

static void every_cut_gives_the_same_messages(void **state) {
  (void)state;
  char stream[128];
  size_t size = captured_stream(stream);
  for (size_t cut = 0; cut <= size; cut++) {
    ib_inbox inbox = {0};
    char seen[64] = "";
    feed(&inbox, stream, cut);
    drain(&inbox, seen);
    feed(&inbox, stream + cut, size - cut);
    drain(&inbox, seen);
    assert_string_equal(seen, "178 15 9 ");
    ib_inbox_fini(&inbox);
  }
}

static void single_bytes_give_the_same_messages(void **state) {
  (void)state;
  char stream[128];
  size_t size = captured_stream(stream);
  ib_inbox inbox = {0};
  char seen[64] = "";
  for (size_t i = 0; i < size; i++) {
    feed(&inbox, stream + i, 1);
    drain(&inbox, seen);
  }
  assert_string_equal(seen, "178 15 9 ");
  ib_inbox_fini(&inbox);
}

static void a_long_stream_needs_no_more_memory_than_its_largest_message(void **state) {
  (void)state;
  char stream[128], seen[64];
  size_t size = captured_stream(stream);
  ib_inbox inbox = {0};
  for (int i = 0; i < 10000; i++) {
    seen[0] = '\0';
    feed(&inbox, stream, size - 3);  // never empty in between
    drain(&inbox, seen);
    feed(&inbox, stream + size - 3, 3);
    drain(&inbox, seen);
    assert_string_equal(seen, "178 15 9 ");
  }
  assert_true(inbox.capacity <= 8192);
  ib_inbox_fini(&inbox);
}

static const struct length_case {
  const char *name;
  char header[4];
  ib_take want;
} lengths[] = {
    {"an empty frame is a message", {0, 0, 0, 0}, IB_TAKE_DONE},
    {"the longest frame is waited for", {0, '\xff', '\xff', '\xff'}, IB_TAKE_MORE},
    {"one byte more is garbage", {1, 0, 0, 0}, IB_TAKE_BROKEN},
    {"a negative length is garbage", {'\xff', '\xff', '\xff', '\xff'}, IB_TAKE_BROKEN},
    {"an HTTP request is garbage", {'G', 'E', 'T', ' '}, IB_TAKE_BROKEN},
};

static void check_length(void **state) {
  const struct length_case *c = *state;
  ib_inbox inbox = {0};
  ib_message message;
  feed(&inbox, c->header, sizeof c->header);
  assert_int_equal(ib_inbox_take(&inbox, &message), c->want);
  ib_inbox_fini(&inbox);
}

// One very large message, and the next small one finds a small inbox.
static void a_large_message_is_not_kept_for_ever(void **state) {
  (void)state;
  enum { LARGE = 5 << 20 };
  ib_inbox inbox = {0};
  char *bytes = calloc(1, LARGE + 4);
  assert_non_null(bytes);
  bytes[1] = LARGE >> 16;  // the length, big-endian
  feed(&inbox, bytes, LARGE + 4);
  ib_message message;
  assert_int_equal(ib_inbox_take(&inbox, &message), IB_TAKE_DONE);
  assert_int_equal(message.size_bytes, LARGE);
  feed(&inbox, "\0\0\0\2a", 6);
  assert_true(inbox.capacity <= 1 << 20);
  assert_int_equal(ib_inbox_take(&inbox, &message), IB_TAKE_DONE);
  assert_int_equal(message.size_bytes, 2);
  ib_inbox_fini(&inbox);
  free(bytes);
}

static void the_greeting_is_taken_whole_or_not_at_all(void **state) {
  (void)state;
  for (size_t cut = 0; cut < 4; cut++) {
    ib_inbox inbox = {0};
    feed(&inbox, "API", cut);
    assert_int_equal(ib_inbox_take_raw(&inbox, "API\0", 4), IB_TAKE_MORE);
    feed(&inbox, &"API\0v"[cut], 5 - cut);
    assert_int_equal(ib_inbox_take_raw(&inbox, "API\0", 4), IB_TAKE_DONE);
    assert_int_equal(inbox.tail - inbox.head, 1);
    ib_inbox_fini(&inbox);
  }
  ib_inbox inbox = {0};
  feed(&inbox, "AP!", 3);
  assert_int_equal(ib_inbox_take_raw(&inbox, "API\0", 4), IB_TAKE_BROKEN);
  ib_inbox_fini(&inbox);
}

// One field of one message. The text is given without its NUL.
static const struct field_case {
  const char *name, *text;
  bool valid;  // as an integer
  int64_t integer;
  bool valid_double;
  double number;
} field_cases[] = {
    {"empty is unset", "", true, -7, true, -7},
    {"zero", "0", true, 0, true, 0},
    {"negative", "-1", true, -1, true, -1},
    {"the unset integer", "2147483647", true, -7, true, 2147483647},
    {"above 32 bits", "1742563800000", true, 1742563800000, true, 1742563800000},
    {"above 64 bits", "99999999999999999999", false, -7, true, 1e20},
    {"fraction", "948837.22", false, -7, true, 948837.22},
    {"the unset double", "1.7976931348623157E308", false, -7, true, -7},
    {"exponent", "1.5E-7", false, -7, true, 1.5e-7},
    {"infinity", "Infinity", false, -7, true, INFINITY},
    {"thousands separator", "1,000", false, -7, false, -7},
    {"hexadecimal", "0x10", false, -7, false, -7},
    {"leading space", " 1", false, -7, false, -7},
    {"trailing space", "1 ", false, -7, false, -7},
    {"a word", "abc", false, -7, false, -7},
    {"two points", "1.2.3", false, -7, false, -7},
    {"a point alone", ".", false, -7, false, -7},
    {"a sign alone", "-", false, -7, false, -7},
};

static void check_integer(void **state) {
  const struct field_case *c = *state;
  ib_fields fields = ib_fields_of((ib_message){c->text, strlen(c->text) + 1});
  assert_int_equal(ib_take_int(&fields, -7), c->integer);
  assert_int_equal(fields.bad_field, c->valid ? 0 : 1);
}

static void check_double(void **state) {
  const struct field_case *c = *state;
  ib_fields fields = ib_fields_of((ib_message){c->text, strlen(c->text) + 1});
  assert_true(ib_take_double(&fields, -7) == c->number);
  assert_int_equal(fields.bad_field, c->valid_double ? 0 : 1);
}

// The buffer is exactly as long as the message: the address sanitizer sees one byte too many.
static void a_cut_message_is_never_read_past_its_end(void **state) {
  (void)state;
  static const char whole[] =
      "17\0"
      "101\0"
      "213.5\0"
      "1";
  for (size_t size = 0; size < sizeof whole; size++) {
    char *exact = malloc(size + (size == 0));
    assert_non_null(exact);
    memcpy(exact, whole, size);
    ib_fields fields = ib_fields_of((ib_message){exact, size});
    ib_take_int(&fields, 0);
    ib_take_int(&fields, 0);
    ib_take_double(&fields, 0);
    ib_take_bool(&fields);
    int complete = (size >= 3) + (size >= 7) + (size >= 13);
    assert_int_equal(fields.bad_field, complete + 1);
    assert_int_equal(fields.taken, 4);
    free(exact);
  }
}

static void the_first_bad_field_is_named_and_later_ones_are_unset(void **state) {
  (void)state;
  static const char payload[] =
      "1\0"
      "x\0"
      "3";
  ib_fields fields = ib_fields_of((ib_message){payload, sizeof payload});
  assert_int_equal(ib_take_int(&fields, 0), 1);
  assert_int_equal(ib_take_int(&fields, 0), 0);
  assert_int_equal(ib_take_int(&fields, 5), 5);
  assert_string_equal(ib_take_text(&fields), "");
  assert_int_equal(fields.bad_field, 2);
}

static void a_bool_is_one_or_zero(void **state) {
  (void)state;
  static const char payload[] =
      "1\0"
      "0\0"
      "\0"
      "2";
  ib_fields fields = ib_fields_of((ib_message){payload, sizeof payload});
  assert_true(ib_take_bool(&fields));
  assert_false(ib_take_bool(&fields));
  assert_false(ib_take_bool(&fields));
  assert_int_equal(fields.bad_field, 0);
  ib_take_bool(&fields);
  assert_int_equal(fields.bad_field, 4);
}

static void a_written_message_is_the_captured_one(void **state) {
  (void)state;
  static const char start_api[] =
      "\x00\x00\x00\x09"
      "71\0"
      "2\0"
      "11\0";
  ib_outbox outbox = {0};
  ib_begin(&outbox);
  ib_put_int(&outbox, 71);
  ib_put_int(&outbox, 2);
  ib_put_int(&outbox, 11);
  ib_put_unset(&outbox);
  assert_true(ib_end(&outbox));
  size_t size;
  const char *bytes = ib_outbox_pending(&outbox, &size);
  assert_int_equal(size, sizeof start_api);
  assert_memory_equal(bytes, start_api, size);
  ib_outbox_fini(&outbox);
}

static void a_message_that_is_too_long_leaves_the_others(void **state) {
  (void)state;
  ib_outbox outbox = {0};
  ib_begin(&outbox);
  ib_put_int(&outbox, 1);
  assert_true(ib_end(&outbox));
  size_t before, after;
  ib_outbox_pending(&outbox, &before);
  char *field = calloc(1, 1 << 20);
  assert_non_null(field);
  ib_begin(&outbox);
  for (int i = 0; i < 16; i++) {
    ib_put_fields(&outbox, field, 1 << 20);
  }
  assert_false(ib_end(&outbox));
  ib_outbox_pending(&outbox, &after);
  assert_int_equal(after, before);
  free(field);
  ib_outbox_fini(&outbox);
}

static void what_was_sent_is_not_sent_again(void **state) {
  (void)state;
  ib_outbox outbox = {0};
  ib_inbox inbox = {0};
  char seen[4096] = "", want[4096] = "";
  for (int i = 0; i < 500; i++) {
    ib_begin(&outbox);
    ib_put_int(&outbox, i);
    assert_true(ib_end(&outbox));
    sprintf(want + strlen(want), "%d ", i);
    size_t size;  // always a part: something waits at each ib_begin()
    const char *bytes = ib_outbox_pending(&outbox, &size);
    size_t part = size > 5 ? size - 5 : size;
    feed(&inbox, bytes, part);
    ib_outbox_sent(&outbox, part);
    drain(&inbox, seen);
  }
  size_t size;
  const char *bytes = ib_outbox_pending(&outbox, &size);
  feed(&inbox, bytes, size);
  drain(&inbox, seen);
  assert_string_equal(seen, want);
  assert_true(outbox.capacity <= 8192);
  ib_inbox_fini(&inbox);
  ib_outbox_fini(&outbox);
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

// Writes `value` and reads it back with both parsers.
static void check_round_trip(double value) {
  ib_outbox outbox = {0};
  ib_put_double(&outbox, value);
  double parsed = 0;
  assert_true(ib_parse_double(outbox.bytes, &parsed));
  assert_true(parsed == value);
  assert_true(strtod(outbox.bytes, NULL) == value);
  ib_outbox_fini(&outbox);
}

static void every_finite_double_comes_back(void **state) {
  (void)state;
  uint64_t seed = 2026;
  for (int i = 0; i < 100000; i++) {
    uint64_t bits = next_random(&seed);
    double any;
    memcpy(&any, &bits, sizeof any);
    if (isfinite(any)) check_round_trip(any);
    check_round_trip((double)(bits % 100000000) / 1e5);  // a price
  }
  check_round_trip(DBL_MIN);
  check_round_trip(-0.0);
}

static void decimal_texts_parse_as_the_library_does(void **state) {
  (void)state;
  uint64_t seed = 1;
  for (int i = 0; i < 200000; i++) {
    char text[64];
    int decimals = (int)(next_random(&seed) % 12);
    uint64_t whole = next_random(&seed) % 1000000, part = next_random(&seed);
    snprintf(text, sizeof text, "%s%lu.%0*lu", i % 2 == 0 ? "" : "-", (unsigned long)whole,
             decimals, (unsigned long)(part % (uint64_t)pow(10, decimals)));
    double parsed;
    assert_true(ib_parse_double(text, &parsed));
    assert_true(parsed == strtod(text, NULL));
  }
}

static const struct text_case {
  const char *name;
  double value;
  const char *text;
} texts[] = {
    {"a whole number has no point", 931800000, "931800000"},
    {"a price keeps its decimals only", 1.07083, "1.07083"},
    {"below one starts with a zero", 0.5, "0.5"},
    {"negative", -1, "-1"},
    {"seventeen digits where it needs them", 0.1 + 0.2, "0.30000000000000004"},
    {"large numbers have an exponent", 1e22, "1e+22"},
};

static void check_text(void **state) {
  const struct text_case *c = *state;
  ib_outbox outbox = {0};
  ib_put_double(&outbox, c->value);
  assert_string_equal(outbox.bytes, c->text);
  ib_outbox_fini(&outbox);
}

static int run_rows(void) {
  struct CMUnitTest tests[COUNT_OF(lengths) + 2 * COUNT_OF(field_cases) + COUNT_OF(texts)];
  size_t count = 0;
  for (size_t i = 0; i < COUNT_OF(lengths); i++) {
    tests[count++] =
        (struct CMUnitTest){lengths[i].name, check_length, .initial_state = (void *)&lengths[i]};
  }
  for (size_t i = 0; i < COUNT_OF(field_cases); i++) {
    void *row = (void *)&field_cases[i];
    tests[count++] = (struct CMUnitTest){field_cases[i].name, check_integer, .initial_state = row};
    tests[count++] = (struct CMUnitTest){field_cases[i].name, check_double, .initial_state = row};
  }
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    tests[count++] =
        (struct CMUnitTest){texts[i].name, check_text, .initial_state = (void *)&texts[i]};
  }
  return cmocka_run_group_tests_name("wire rows", tests, NULL, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_cut_gives_the_same_messages),
      cmocka_unit_test(single_bytes_give_the_same_messages),
      cmocka_unit_test(a_long_stream_needs_no_more_memory_than_its_largest_message),
      cmocka_unit_test(a_large_message_is_not_kept_for_ever),
      cmocka_unit_test(the_greeting_is_taken_whole_or_not_at_all),
      cmocka_unit_test(a_cut_message_is_never_read_past_its_end),
      cmocka_unit_test(the_first_bad_field_is_named_and_later_ones_are_unset),
      cmocka_unit_test(a_bool_is_one_or_zero),
      cmocka_unit_test(a_written_message_is_the_captured_one),
      cmocka_unit_test(a_message_that_is_too_long_leaves_the_others),
      cmocka_unit_test(what_was_sent_is_not_sent_again),
      cmocka_unit_test(every_finite_double_comes_back),
      cmocka_unit_test(decimal_texts_parse_as_the_library_does),
  };
  int failed = cmocka_run_group_tests_name("wire", tests, NULL, NULL);
  return failed + run_rows();
}
