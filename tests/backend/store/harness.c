#include "tests/backend/store/harness.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit.h"

void open_store(fixture *own) {
  mesh_error err;
  if (store_open(own->path, NULL, &own->store, &err) != GRPC_STATUS_OK) fail_msg("%s", err.message);
}

void close_store(fixture *own) {
  store_close(own->store);
  own->store = NULL;
}

void reopen(fixture *own) {
  close_store(own);
  open_store(own);
}

void make_bars(test_bars *out, int64_t from_s, size_t count, double price) {
  for (size_t i = 0; i < count; i++) {
    out->times[i] = from_s + (int64_t)i * 60;
    out->price[i] = price + (double)i / 7;
    out->volume[i] = i % 2 == 0 ? NAN : (double)i;
  }
  out->view =
      (store_bars){count, out->times, out->price, out->price, out->price, out->price, out->volume};
}

mesh_code put(fixture *own, int64_t from_s, int64_t to_s, store_coverage_state state,
              const char *reason, size_t count, mesh_error *err) {
  test_bars bars;
  make_bars(&bars, from_s, count, 100);
  store_coverage coverage = {from_s, to_s, state, reason};
  return store_put_segment(own->store, "SPX", "1m", &coverage, &bars.view, NULL, err);
}

void put_ok(fixture *own, int64_t from_s, int64_t to_s, store_coverage_state state,
            const char *reason, size_t count) {
  mesh_error err;
  if (put(own, from_s, to_s, state, reason, count, &err) != GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
}

int64_t count_bars(fixture *own) {
  int64_t count, first_s;
  mesh_error err;
  if (store_count_bars(own->store, "SPX", "1m", INT64_MIN, INT64_MAX, 0, &count, &first_s, &err) !=
      GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
  return count;
}

void run_row(void **state) {
  static int number;
  fixture own = {0};
  snprintf(own.path, sizeof own.path, "store-%d-%d.db", getpid(), number++);
  open_store(&own);
  ((const row *)*state)->run(&own);
  close_store(&own);
}
