#include "market/bar_columns.h"

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
  size_t size = bar_columns_encode(&bars, 10, 500, false, bytes);
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
    mesh_view batch = {bytes, bar_columns_encode(&from, first, 100, false, bytes)};
    assert_int_equal(bar_columns_decode(&to, batch, NULL, &err), GRPC_STATUS_OK);
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
  size_t size = bar_columns_encode(&from, 0, 3, false, bytes);
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *exact = malloc(cut + 1);  // so that the sanitizer sees a read behind it
    memcpy(exact, bytes, cut);
    bar_columns to = {0};
    mesh_error err;
    mesh_code code = bar_columns_decode(&to, (mesh_view){exact, cut}, NULL, &err);
    assert_true(cut == 0 ? code == GRPC_STATUS_OK : code == GRPC_STATUS_DATA_LOSS);
    assert_int_equal(to.count, 0);
    bar_columns_clear(&to);
    free(exact);
  }
  bar_columns_clear(&from);
}

// What a batch of three bars says of its last one, and what any other bytes do not say.
static void a_bar_that_forms_is_marked(void) {
  bar_columns from = {0}, to = {0};
  fill(&from, 3);
  uint8_t bytes[256];
  mesh_error err;
  for (int forming = 0; forming < 2; forming++) {
    size_t size = bar_columns_encode(&from, 0, 3, forming != 0, bytes);
    assert_true(size <= bar_columns_bound(3));
    bool said = forming == 0;
    assert_int_equal(bar_columns_decode(&to, (mesh_view){bytes, size}, &said, &err),
                     GRPC_STATUS_OK);
    assert_int_equal(said, forming != 0);
  }
  assert_int_equal(to.count, 6);
  bar_columns_clear(&from);
  bar_columns_clear(&to);
}

static void a_part_is_copied(void) {
  bar_columns from = {0}, to = {0};
  fill(&from, 10);
  bar_columns_copy(&to, &from, 2, 3);
  bar_columns_copy(&to, &from, 9, 1);
  bar_columns_copy(&to, &(bar_columns){0}, 0, 0);
  assert_int_equal(to.count, 4);
  assert_memory_equal(to.times, from.times + 2, 3 * sizeof(int64_t));
  assert_int_equal(to.times[3], from.times[9]);
  assert_memory_equal(to.open + 3, from.open + 9, sizeof(double));
  bar_columns_clear(&from);
  bar_columns_clear(&to);
}

// Bytes that a peer may send and that are no batch of ours; each in a block of its own size.
static void malformed_batches_are_refused_by_name(void) {
  static const struct {
    const char *bytes;
    size_t size_bytes;
    const char *said;
  } cases[] = {
      {"\x02\x08"
       "12345678",
       10, "malformed BarBatch: a field has number 0"},
      {"\x00\x08", 2, "malformed BarBatch: a field has number 0"},
      {"\x09"
       "12345678",
       9, "malformed BarBatch: a column is not packed"},
      {"\x12\x00\x12\x00", 4, "malformed BarBatch: a column is there twice"},
      {"\x0a\x08"
       "12345678",
       10, "malformed BarBatch: its columns differ in length"},
      {"\x0a\x09"
       "12345678",
       10, "malformed BarBatch: a column is cut short"},
      {"\x0a\xff\xff\xff\xff\x0f", 6, "malformed BarBatch: a column is cut short"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t *exact = malloc(cases[i].size_bytes);
    memcpy(exact, cases[i].bytes, cases[i].size_bytes);
    bar_columns to = {0};
    mesh_error err;
    assert_int_equal(bar_columns_decode(&to, (mesh_view){exact, cases[i].size_bytes}, NULL, &err),
                     GRPC_STATUS_DATA_LOSS);
    assert_string_equal(err.message, cases[i].said);
    assert_int_equal(to.count, 0);
    bar_columns_clear(&to);
    free(exact);
  }
}

static const row rows[] = {
    {"a bar that forms is marked", a_bar_that_forms_is_marked},
    {"a part is copied", a_part_is_copied},
    {"malformed batches are refused by name", malformed_batches_are_refused_by_name},
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
