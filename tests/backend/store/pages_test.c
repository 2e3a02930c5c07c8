// Lists of models and series, in pages: each row once, in order, whatever a page holds.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

// ---- models ----

typedef struct model_page {
  int count, total;
  int64_t created_ns;
  char name[32];
  int32_t version;
} model_page;

static bool is_after(const model_page *last, const store_model *model) {
  if (model->created_ns != last->created_ns) return model->created_ns < last->created_ns;
  int names = strcmp(model->name, last->name);
  return names != 0 ? names > 0 : model->version < last->version;
}

static void take_model(void *arg, const store_model *model) {
  model_page *own = arg;
  if (own->total > 0) assert_true(is_after(own, model));
  own->created_ns = model->created_ns;
  own->version = model->version;
  snprintf(own->name, sizeof own->name, "%s", model->name);
  own->count++;
  own->total++;
}

static void add_model(fixture *own, const char *name, int number, int64_t created_ns,
                      mesh_view about) {
  char operation[32];
  int32_t version;
  mesh_error err;
  snprintf(operation, sizeof operation, "train-%d", number);
  store_model model = {.name = name,
                       .created_ns = created_ns,
                       .operation = operation,
                       .sha256 = "00",
                       .about = about};
  assert_int_equal(store_add_model(own->store, &model, &version, &err), GRPC_STATUS_OK);
}

// All models of a name in pages; returns how many pages there were.
static int list_models(fixture *own, const char *name, model_page *out) {
  int pages = 0;
  bool more = true;
  mesh_error err;
  for (*out = (model_page){0}; more; pages++) {
    char last[32];
    snprintf(last, sizeof last, "%s", out->name);
    store_model_place after = {out->created_ns, last, out->version};
    out->count = 0;
    assert_int_equal(store_list_models(own->store, name, pages > 0 ? &after : NULL, take_model, out,
                                       &more, &err),
                     GRPC_STATUS_OK);
  }
  return pages;
}

// Ten of them have the same time, two names share it, and one name has many versions.
static void models_come_in_pages(fixture *own) {
  for (int i = 0; i < 150; i++)
    add_model(own, i % 3 == 0 ? "b" : "a", i, i / 10, view_of("about"));
  model_page got;
  assert_int_equal(list_models(own, "", &got), 3);
  assert_int_equal(got.total, 150);
  assert_int_equal(list_models(own, "b", &got), 1);
  assert_int_equal(got.total, 50);
  assert_int_equal(list_models(own, "c", &got), 1);
  assert_int_equal(got.total, 0);
}

static void a_page_of_large_models_is_short(fixture *own) {
  static uint8_t large[400 * 1024];
  for (int i = 0; i < 7; i++)
    add_model(own, "a", i, i, (mesh_view){large, sizeof large});
  model_page got;
  assert_int_equal(list_models(own, "", &got), 3);  // 3, 3 and 1
  assert_int_equal(got.total, 7);
}

// ---- series ----

typedef struct series_page {
  int count, total;
  char symbol[16], timeframe[8], source[8];
} series_page;

static void take_series(void *arg, const store_series *series) {
  series_page *own = arg;
  if (own->total > 0) {
    int symbols = strcmp(series->key.symbol, own->symbol);
    bool same = strcmp(own->timeframe, series->key.timeframe) == 0;
    bool longer = strcmp(own->timeframe, "30m") == 0 && !same;
    bool later = same && strcmp(series->key.source, own->source) > 0;
    assert_true(symbols > 0 || (symbols == 0 && (longer || later)));
  }
  snprintf(own->symbol, sizeof own->symbol, "%s", series->key.symbol);
  snprintf(own->timeframe, sizeof own->timeframe, "%s", series->key.timeframe);
  snprintf(own->source, sizeof own->source, "%s", series->key.source);
  own->count++;
  own->total++;
}

static void series_come_in_pages(fixture *own) {
  enum { SYMBOLS = STORE_SERIES_PAGE + 10 };  // of two series each: a page ends anywhere
  static test_bars bars;
  mesh_error err;
  make_bars(&bars, 0, 1, 1);
  store_coverage coverage = {.from_s = 0, .to_s = 60, .state = STORE_STORED, .reason = ""};
  store_ledger ledger = {&coverage, 1};
  for (int i = 0; i < 2 * SYMBOLS - 1; i++) {
    char symbol[16];
    snprintf(symbol, sizeof symbol, "S%04d", i / 2);
    // Of some, two sources.
    series_key key = {.symbol = symbol,
                      .timeframe = i % 2 == 0 || i % 3 == 0 ? "30m" : "1h",
                      .source = i % 2 == 0 ? "a" : "b"};
    assert_int_equal(store_put_segment(own->store, &key, &ledger, &bars.view, NULL, &err),
                     GRPC_STATUS_OK);
  }
  series_page got = {0};
  int pages = 0;
  do {
    series_page last = got;
    series_key after = {.symbol = last.symbol, .timeframe = last.timeframe, .source = last.source};
    got.count = 0;
    assert_int_equal(
        store_list_series(own->store, "", pages++ > 0 ? &after : NULL, take_series, &got, &err),
        GRPC_STATUS_OK);
  } while (got.count == STORE_SERIES_PAGE);
  assert_int_equal(pages, 3);
  assert_int_equal(got.total, 2 * SYMBOLS - 1);
}

static const row rows[] = {
    {"models come in pages", models_come_in_pages},
    {"a page of large models is short", a_page_of_large_models_is_short},
    {"series come in pages", series_come_in_pages},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("pages", rows, run_row);
}
