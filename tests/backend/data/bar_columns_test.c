#include "backend/data/bar_columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/v1/bars.pb-c.h"
#include "tests/unit.h"

typedef struct row {
  const char *name;
  void (*run)(void);
} row;

static void fill(bar_columns *bars, size_t count) {
  bar_columns_reserve(bars, count);
  for (size_t i = 0; i < count; i++) {
    bars->times[i] = (int64_t)i * 60 - 1000;
    bars->open[i] = 1.1 + (double)i;
    bars->high[i] = 0.1 + 0.2;
    bars->low[i] = -5e-324;
    bars->close[i] = 1e308;
    bars->volume[i] = NAN;
  }
  bars->count = count;
}

// What protobuf-c, another library, reads from our bytes.
static void another_library_reads_it(void) {
  bar_columns bars = {0};
  fill(&bars, 1000);
  uint8_t *bytes = malloc(bar_columns_bound(1000));
  size_t size = bar_columns_encode(&bars, 10, 500, bytes);
  assert_true(size <= bar_columns_bound(500));
  Millrace__V1__BarBatch *batch = millrace__v1__bar_batch__unpack(NULL, size, bytes);
  assert_non_null(batch);
  assert_int_equal(batch->n_times, 500);
  assert_int_equal(batch->n_volume, 500);
  assert_int_equal(batch->times[0], bars.times[10]);
  assert_memory_equal(batch->open, bars.open + 10, 500 * sizeof(double));
  assert_memory_equal(batch->close, bars.close + 10, 500 * sizeof(double));
  millrace__v1__bar_batch__free_unpacked(batch, NULL);
  free(bytes);
  bar_columns_clear(&bars);
}

static void batches_are_appended(void) {
  bar_columns from = {0}, to = {0};
  fill(&from, 300);
  uint8_t *bytes = malloc(bar_columns_bound(300));
  mesh_error err;
  for (size_t first = 0; first < 300; first += 100) {
    mesh_view batch = {bytes, bar_columns_encode(&from, first, 100, bytes)};
    assert_int_equal(bar_columns_append(&to, batch, &err), GRPC_STATUS_OK);
  }
  assert_int_equal(to.count, 300);
  assert_memory_equal(to.times, from.times, 300 * sizeof(int64_t));
  assert_memory_equal(to.volume, from.volume, 300 * sizeof(double));
  free(bytes);
  bar_columns_clear(&from);
  bar_columns_clear(&to);
}

// Every cut of a batch is refused, or is a shorter batch whose columns agree; nothing is read past
// the end.
static void a_batch_cut_short_is_refused(void) {
  bar_columns from = {0};
  fill(&from, 3);
  uint8_t bytes[512];
  size_t size = bar_columns_encode(&from, 0, 3, bytes);
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *exact = malloc(cut + 1);  // so that the sanitizer sees a read behind it
    memcpy(exact, bytes, cut);
    bar_columns to = {0};
    mesh_error err;
    mesh_code code = bar_columns_append(&to, (mesh_view){exact, cut}, &err);
    assert_true(cut == 0 ? code == GRPC_STATUS_OK : code == GRPC_STATUS_DATA_LOSS);
    assert_int_equal(to.count, 0);
    bar_columns_clear(&to);
    free(exact);
  }
  bar_columns_clear(&from);
}

static const row rows[] = {
    {"another library reads it", another_library_reads_it},
    {"batches are appended", batches_are_appended},
    {"a batch cut short is refused", a_batch_cut_short_is_refused},
};

static void check(void **state) {
  ((const row *)*state)->run();
}

int main(void) {
  RUN_ROWS("bar_columns", rows, check);
}
