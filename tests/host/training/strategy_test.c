// Strategy files from outside: what is refused, where, and after how much work.
#include "host/training/strategy/strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/strategy/bounds.h"
#include "protos/descriptors.h"
#include "tests/unit.h"

// A text that is made: `head`, `count` times `piece` ("%zu" in it is the number), `tail`.
typedef struct text_case {
  const char *name;
  const char *head, *piece, *tail;
  size_t count;
  const char *want;    // in the error's message; NULL: it is fine
  size_t tokens_most;  // that the scanner may have looked at; 0: any
} text_case;

#define GOOD                        \
  "name: a\n"                       \
  "training_data:\n"                \
  "  symbols: {symbol: EURUSD}\n"   \
  "  timeframes: {timeframe: 1h}\n" \
  "indicators:\n"                   \
  "  rsi_14: {type: rsi, period: 14}\n"
#define SETS "fuzzy_sets:\n  r: {indicator: rsi_14, low: [0, 20, 50]}\n"
// Line 9 is the first one behind it.
#define WHOLE GOOD SETS

static const text_case cases[] = {
    {"a whole one", WHOLE, "", "", 0, .want = NULL},
    {"comments behind the end", WHOLE "...\n", "# %zu\n", "", 1000, .want = NULL},
    {"a document mark in front", "---\n" WHOLE, "", "", 0, .want = NULL},
    {"a byte order mark", "\xef\xbb\xbf" WHOLE, "", "", 0, .want = NULL},
    {"an anchor and its alias",
     GOOD "fuzzy_sets:\n  r: {indicator: rsi_14, a: &a [0, 20, 50], b: *a}\n", "", "", 0,
     .want = NULL},
    {"a second document", WHOLE "---\nname: b\n", "", "", 0,
     .want = "x.yaml:9:1: a second document"},
    {"a second document behind the end", WHOLE "...\nname: b\n", "", "", 0,
     .want = "x.yaml:10:1: a second document"},
    {"a second document that is empty", WHOLE "...\n---\n", "", "", 0,
     .want = "x.yaml:10:1: a second document"},
    {"no UTF-8 behind the end", WHOLE "...\n# M\xfcller\n", "", "", 0,
     .want = "x.yaml:10:4: byte 0xfc is no UTF-8"},
    {"no UTF-8 in a comment", "# \xff\n" WHOLE, "", "", 0,
     .want = "x.yaml:1:3: byte 0xff is no UTF-8"},
    {"half a character", "name: \xe2\x82\n", "", "", 0,
     .want = "x.yaml:1:7: byte 0xe2 is no UTF-8"},
    {"UTF-16", "\xff\xfen\0a\0", "", "", 0, .want = "x.yaml:1:1: byte 0xff is no UTF-8"},
    {"a control character", WHOLE "version: a\x1b[31m\n", "", "", 0, .want = "control characters"},
    {"an escaped one in the name", "name: \"a\\e[31m\"\n", "", "", 0,
     .want = "x.yaml:1:7: a name that holds a control character"},
    {"a tag directive", "", "%%TAG !a%zu! tag:x,2000:\n", "--- !foo\nname: x\n", 30000,
     .want = "x.yaml:1:1: a directive", 8},
    {"a version directive", "%YAML 1.2\n---\n" WHOLE, "", "", 0, .want = "x.yaml:1:1: a directive"},
    {"50,000 lists within each other", "name: ", "[", "", 50000, .want = "within each other", 64},
    {"a million lists within each other", "name: ", "[", "", 1000000, .want = "within each other",
     64},
    {"lists in several lines", "name: ", "[\n", "", 100000, .want = "within each other", 64},
    {"250,000 mappings within each other", "name: ", "{a: ", "", 250000,
     .want = "within each other", 200},
    {"500,000 blocks within each other", "", "- ", "", 500000, .want = "within each other", 80},
    {"500,000 complex keys within each other", "", "? ", "", 500000, .want = "within each other",
     80},
    {"closing what is not open", "name: ", "[]]", "", 300000, .want = "x.yaml:1:"},
    {"a megabyte and a byte", "#", "x", "", STRATEGY_BYTES_MAX, .want = "1048577 bytes", 1},
    {"a scalar of a megabyte", "name: ", "x", "\n", 1000000,
     .want = "1 to 63 bytes, this one has 1000000"},
    {"a million line ends", "", "\r", "", 1000000, .want = "the file is empty"},
    {"too many values", "", "- \n", "", 340000, .want = "the file: keys with values are expected"},
    {"200,000 signs", "[", ",", "", 200000, .want = "x.yaml:1:2"},
    {"anchors", "version: [", "&a%zu x,", "]\n", 70000, .want = "more than 64 anchors", 400},
    {"aliases", "version: [&a x,", "*a,", "]\n", 100000, .want = "more than 1024 aliases", 4000},
    {"an alias of itself", "model: &a {architecture: *a}\n", "", "", 0, .want = "unknown key"},
    {"a list in itself", "name: &a [*a]\n", "", "", 0, .want = "one value is expected"},
    {"keys that are left out, again and again", "indicators:\n  a: &a {type: rsi", ", k%zu: ~",
     "}\n  b: *a\n  c: *a\n", 40000, .want = "more than 100000 values"},
    {"90,000 unknown keys", "", "k%zu: 1\n", "", 90000, .want = "k0: unknown key"},
    {"90,000 times the same key", "", "name: x\n", "", 90000,
     .want = "x.yaml:2:1: name: it is in line 1"},
    {"20,000 indicators",
     "name: a\ntraining_data: {symbols: {symbol: A}, timeframes: {timeframe: 1h}}\n"
     "indicators:\n",
     "  i%zu: {type: rsi}\n", "", 20000, .want = "x.yaml:4:3: more than 256 indicators"},
    {"40,000 parameters", "indicators:\n  a:\n    type: rsi\n", "    a%zu: 1\n",
     "name: a\n"
     "training_data: {symbols: {symbol: A}, timeframes: {timeframe: 1h}}\n",
     40000, .want = "a0: rsi has no such parameter"},
    {"15,000 memberships", GOOD "fuzzy_sets:\n  r:\n    indicator: rsi_14\n",
     "    m%zu: [0, 1, 2]\n", "", 15000, .want = "1 to 63 memberships"},
    {"20,000 inputs", WHOLE "nn_inputs:\n", "  - {fuzzy_set: r}\n", "", 20000,
     .want = "nn_inputs: 20000 of them; at most 4096"},
    {"features without end", WHOLE "model: {features: {lookback_periods: 2147483647}}\n", "", "", 0,
     .want = "x.yaml:9:38: lookback_periods: use 0 to 100"},
    {"layers without end", WHOLE "model: {architecture: {hidden_layers: [2147483647]}}\n", "", "",
     0, .want = "x.yaml:9:40: hidden_layers: 2147483647 is not in 1..4096"},
    {"a batch without end", WHOLE "training: {batch_size: 1000000000}\n", "", "", 0,
     .want = "x.yaml:9:24: batch_size: 1000000000 is not in 1..65536"},
    {"epochs without end", WHOLE "training: {epochs: 2147483647}\n", "", "", 0,
     .want = "x.yaml:9:20: epochs: 2147483647 is not in 1..1e+06"},
    {"a horizon without end",
     WHOLE "training: {labels: {source: forward_return, horizon: 2000000}}\n", "", "", 0,
     .want = "x.yaml:9:54: horizon 2e+06"},
    {"a window without end",
     WHOLE "training: {labels: {source: triple_barrier, vol_span: 2000000}}\n", "", "", 0,
     .want = "x.yaml:9:55: vol_span 2e+06"},
    {"a period without end",
     "name: a\ntraining_data: {symbols: {symbol: A}, timeframes: {timeframe: 1h}}\n"
     "indicators:\n  a: {type: sma, period: 100000000}\n",
     "", "", 0, .want = "period: 1e+08"},
};

static char *make_text(const text_case *c, size_t *size_bytes) {
  // The UTF-16 row has a NUL in it.
  size_t head = strcmp(c->name, "UTF-16") == 0 ? 6 : strlen(c->head);
  char *made = malloc(head + c->count * (strlen(c->piece) + 20) + strlen(c->tail) + 1);
  assert_non_null(made);
  memcpy(made, c->head, head);
  char *at = made + head;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
  for (size_t i = 0; i < c->count; i++)
    at += sprintf(at, c->piece, i);
#pragma GCC diagnostic pop
  at = stpcpy(at, c->tail);
  *size_bytes = (size_t)(at - made);
  return made;
}

static mesh_schema *schema;

static void check_text(void **state) {
  const text_case *c = *state;
  mesh_error err = {.code = GRPC_STATUS_OK};
  strategy *read;
  strategy_scan scan;
  size_t size_bytes;
  char *text = make_text(c, &size_bytes);
  mesh_view view = {(const uint8_t *)text, size_bytes};
  mesh_code code = strategy_read(NULL, schema, "x.yaml", view, NULL, &read, &err);
  if (c->want == NULL) {
    if (code != GRPC_STATUS_OK) fail_msg("%s", err.message);
    strategy_destroy(read);
  } else {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    if (strstr(err.message, c->want) == NULL) fail_msg("'%s' has no '%s'", err.message, c->want);
    assert_null(read);
  }
  (void)!strategy_bounds_check(NULL, "x.yaml", view, &scan, NULL);
  if (c->tokens_most > 0) assert_in_range(scan.tokens, 0, c->tokens_most);
  free(text);
}

// Once it was asked to stop, no more than a piece of the text is looked at; without, it looks at
// least so often.
static void a_long_text_hears_the_stop(void **state) {
  (void)state;
  text_case c = {"", "version: [", "x, ", "]\n", 150000, NULL, 0};
  size_t size_bytes;
  char *text = make_text(&c, &size_bytes);
  mesh_view view = {(const uint8_t *)text, size_bytes};
  mesh_error err;
  strategy_scan scan;
  train_stop stop = {.asked = true};
  assert_int_equal(strategy_bounds_check(&stop, "x.yaml", view, &scan, &err),
                   GRPC_STATUS_CANCELLED);
  assert_in_range(scan.tokens, 1, 200);
  stop.asked = false;
  stop.looks = 0;
  assert_int_equal(strategy_bounds_check(&stop, "x.yaml", view, &scan, &err), GRPC_STATUS_OK);
  assert_true(scan.tokens > 300000);
  assert_true(stop.looks >= scan.tokens / 200);
  size_t scanned = stop.looks;
  strategy *read;
  assert_int_equal(strategy_read(&stop, schema, "x.yaml", view, NULL, &read, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
  assert_true(stop.looks >= 2 * scanned + size_bytes / 4096);  // of the parser: each piece it gets
  free(text);
}

static int set_up(void **state) {
  (void)state;
  mesh_error err;
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  return mesh_schema_create(set, &schema, &err) == GRPC_STATUS_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  mesh_schema_destroy(schema);
  return 0;
}

int main(void) {
  enum { COUNT = sizeof cases / sizeof *cases };
  struct CMUnitTest tests[COUNT + 1];
  for (size_t i = 0; i < COUNT; i++)
    tests[i] =
        (struct CMUnitTest){cases[i].name, check_text, NULL, NULL, (void *)(uintptr_t)&cases[i]};
  tests[COUNT] = (struct CMUnitTest){"a long text hears the stop", a_long_text_hears_the_stop, NULL,
                                     NULL, NULL};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
