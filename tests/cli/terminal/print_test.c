#include "cli/terminal/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

typedef struct output {
  FILE *stream;
  char *text;
  size_t size;
} output;

static FILE *begin(output *own) {
  own->stream = open_memstream(&own->text, &own->size);
  return own->stream;
}

static void check(output *own, const char *want) {
  fclose(own->stream);
  assert_string_equal(own->text, want);
  free(own->text);
}

// ---- what stands for a %s ----

typedef struct row {
  const char *name, *text, *shown, *json;
} row;

static const row rows[] = {
    {"plain text", "EURUSD", "EURUSD", "\"EURUSD\""},
    {"other writing", "Zürich 策略 📈", "Zürich 策略 📈", "\"Zürich 策略 📈\""},
    {"a title for the window", "\x1b]0;owned\x07", "\\x1b]0;owned\\x07",
     "\"\\u001b]0;owned\\u0007\""},
    {"a forged line", "x\nload-1 SUCCEEDED\r", "x\\nload-1 SUCCEEDED\\r",
     "\"x\\u000aload-1 SUCCEEDED\\u000d\""},
    {"C1",
     "\xc2\x9b"
     "2J",
     "\\u009b2J", "\"\\u009b2J\""},
    {"turned round",
     "\xe2\x80\xae"
     "gpj.exe",
     "\\u202egpj.exe", "\"\\u202egpj.exe\""},
    {"damaged", "M\xfcnchen", "M\\xfcnchen", "\"M\\ufffdnchen\""},
    {"quotes", "a\"\\", "a\"\\", "\"a\\\"\\\\\""},
};

static void check_escaped(void **state) {
  const row *one = *state;
  output text, json;
  print_text(begin(&text), "%s", one->text);
  check(&text, one->shown);
  print_json_string(begin(&json), one->text);
  check(&json, one->json);
}

// ---- the rest of a format ----

static void a_format_is_our_own(void **state) {
  (void)state;
  output own;
  print_text(begin(&own), "\r\033[K%d of %s: 100 %%\n", 7, "x");
  check(&own, "\r\033[K7 of x: 100 %\n");
}

static void numbers_come_out_as_from_printf(void **state) {
  (void)state;
  output own;
  char want[200];
  int64_t big = INT64_MIN;
  uint64_t bits = UINT64_MAX;
#define NUMBERS \
  "%d|%5d|%-5d|%05d|%lld|%" PRId64 "|%" PRIu64 "|%zu|%x|%#06X|%hhd|%+.2f|%9.4f|%*d|%.*g|%c"
#define VALUES                                                                                     \
  -1, 42, 42, 42, 1LL << 40, big, bits, sizeof want, 255U, 171U, (signed char)7, 1.005, 2.5, 6, 9, \
      3, 2.0 / 3, 'c'
  snprintf(want, sizeof want, NUMBERS, VALUES);
  print_text(begin(&own), NUMBERS, VALUES);
  check(&own, want);
}

static void a_width_counts_characters(void **state) {
  (void)state;
  output own;
  print_text(begin(&own), "%-6s|%6s|%*s|%-*s|", "üü", "策略", 3, "ü", 3, "ü");
  check(&own, "üü    |    策略|  ü|ü  |");
}

static void a_precision_is_the_last_byte_that_is_read(void **state) {
  (void)state;
  output own;
  static const char no_end[4] = {'a', '\xc3', '\xbc', 'b'};  // a NUL is nowhere near
  print_text(begin(&own), "%.*s|%.*s|%.*s|%.*s|%.2s|", 4, no_end, 3, no_end, 2, no_end, 1, no_end,
             "a\xff");
  check(&own, "aüb|aü|a|a|a|");
}

static void an_escape_takes_its_columns(void **state) {
  (void)state;
  output own;
  print_text(begin(&own), "%-6s|%6s|", "\x1b", "\xff[");
  check(&own, "\\x1b  | \\xff[|");
}

// ---- JSON ----

static void json_keeps_its_meaning(void **state) {
  (void)state;
  output own;
  print_json(begin(&own), "{\"a\":\"\xc2\x9b\xe2\x80\xae ü\",\n \"b\":\"\\u001b\xff\"}\n");
  check(&own, "{\"a\":\"\\u009b\\u202e ü\",\n \"b\":\"\\u001b\\ufffd\"}\n");
}

int main(void) {
  enum { ROWS = sizeof rows / sizeof *rows };
  struct CMUnitTest escaped[ROWS];
  for (int i = 0; i < ROWS; i++) {
    escaped[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = check_escaped, .initial_state = (void *)&rows[i]};
  }
  const struct CMUnitTest others[] = {
      cmocka_unit_test(a_format_is_our_own),
      cmocka_unit_test(numbers_come_out_as_from_printf),
      cmocka_unit_test(a_width_counts_characters),
      cmocka_unit_test(a_precision_is_the_last_byte_that_is_read),
      cmocka_unit_test(an_escape_takes_its_columns),
      cmocka_unit_test(json_keeps_its_meaning),
  };
  int failed = cmocka_run_group_tests_name("what is shown for a %s", escaped, NULL, NULL);
  return failed + cmocka_run_group_tests_name("formats and JSON", others, NULL, NULL);
}
