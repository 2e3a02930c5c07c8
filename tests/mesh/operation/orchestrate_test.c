// Many pieces at a time, and the waits between attempts.
#include "mesh/operation/orchestrate.h"

#include <string.h>

#include "mesh/rpc/retry.h"
#include "tests/mesh/harness.h"

enum { MS = 1000000, PIECES = 20 };

typedef struct work {
  harness *own;
  int running, most, done, cancelled;
  size_t fails_at;  // PIECES: none
} work;

static mesh_code piece(mesh_scope *scope, size_t index, void *arg, mesh_error *err) {
  work *all = arg;
  if (++all->running > all->most) all->most = all->running;
  mesh_yield(all->own->loop);
  mesh_code code = GRPC_STATUS_OK;
  if (index == all->fails_at) {
    code = mesh_fail(err, GRPC_STATUS_DATA_LOSS, "piece %zu", index);
  } else if (index > all->fails_at) {
    code = mesh_sleep_until(scope, MESH_NEVER, err);
    all->cancelled++;
  } else {
    all->done++;
  }
  all->running--;
  return code;
}

static void all_pieces_run_a_few_at_a_time(harness *own, void *arg) {
  (void)arg;
  work all = {.own = own, .fails_at = PIECES};
  mesh_error err;
  assert_int_equal(mesh_orchestrate(&own->scope, PIECES, 3, piece, &all, &err), GRPC_STATUS_OK);
  assert_int_equal(all.done, PIECES);
  assert_int_equal(all.most, 3);
}

static void the_first_failure_ends_the_rest(harness *own, void *arg) {
  (void)arg;
  work all = {.own = own, .fails_at = 4};
  mesh_error err;
  assert_int_equal(mesh_orchestrate(&own->scope, PIECES, 3, piece, &all, &err),
                   GRPC_STATUS_DATA_LOSS);
  assert_string_equal(err.message, "piece 4");
  assert_int_equal(all.done, 4);
  assert_true(all.cancelled <= 2);
  assert_int_equal(all.running, 0);
}

static void cancel_soon(void *arg) {
  harness *own = arg;
  mesh_yield(own->loop);
  mesh_scope_cancel(&own->scope, GRPC_STATUS_CANCELLED, "enough");
}

static void a_cancel_ends_all(harness *own, void *arg) {
  (void)arg;
  work all = {.own = own, .fails_at = PIECES};
  mesh_scope scope;
  mesh_scope_open(&scope, &own->scope);
  mesh_fiber_start(&own->scope, cancel_soon, own);
  mesh_error err;
  assert_int_equal(mesh_orchestrate(&scope, PIECES, 2, piece, &all, &err), GRPC_STATUS_CANCELLED);
  assert_true(all.done < PIECES);
  mesh_scope_close(&scope);
}

static void no_piece_is_no_work(harness *own, void *arg) {
  (void)arg;
  assert_int_equal(mesh_orchestrate(&own->scope, 0, 4, piece, NULL, NULL), GRPC_STATUS_OK);
}

// ---- waits ----

static void waits_double_up_to_the_cap(harness *own, void *arg) {
  (void)own, (void)arg;
  mesh_backoff backoff = {100, 5000, 0};
  static const int64_t want[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
  for (int i = 0; i < 8; i++) {
    assert_int_equal(mesh_backoff_ceiling_ms(&backoff, i + 1), want[i]);
    for (uint64_t random = 0; random < 5000; random += 7) {
      int64_t wait = mesh_backoff_wait_ms(&backoff, i + 1, random, NULL);
      assert_true(wait >= want[i] / 2 && wait <= want[i]);
    }
  }
  assert_int_equal(mesh_backoff_ceiling_ms(&backoff, 1000000), 5000);
}

static void a_peer_may_ask_for_more(harness *own, void *arg) {
  (void)own, (void)arg;
  mesh_backoff backoff = {100, 5000, 0};
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_RESOURCE_EXHAUSTED, "pacing");
  mesh_error_set_retry(&err, 15000);
  assert_int_equal(mesh_backoff_wait_ms(&backoff, 1, 0, &err), 15000);
  static const int64_t long_ones[] = {900001, 315576000000000, INT64_MAX};  // ten thousand years
  for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) {
    mesh_error_set_retry(&err, long_ones[i]);
    assert_int_equal(mesh_backoff_wait_ms(&backoff, 1, 0, &err), 900000);
  }
}

static void what_cannot_help_is_not_tried_again(harness *own, void *arg) {
  (void)arg;
  mesh_backoff backoff = {1, 1, 3};
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_NOT_FOUND, "no");
  assert_int_equal(mesh_retry_wait(&own->scope, &backoff, NULL, 1, &err), GRPC_STATUS_NOT_FOUND);
  mesh_fail(&err, GRPC_STATUS_UNAVAILABLE, "down");
  assert_int_equal(mesh_retry_wait(&own->scope, &backoff, NULL, 1, &err), GRPC_STATUS_OK);
  mesh_fail(&err, GRPC_STATUS_UNAVAILABLE, "down");
  assert_int_equal(mesh_retry_wait(&own->scope, &backoff, NULL, 3, &err), GRPC_STATUS_UNAVAILABLE);
}

typedef struct row {
  const char *name;
  void (*run)(harness *own, void *arg);
} row;

static const row rows[] = {
    {"all pieces run, a few at a time", all_pieces_run_a_few_at_a_time},
    {"the first failure ends the rest", the_first_failure_ends_the_rest},
    {"a cancel ends all", a_cancel_ends_all},
    {"no piece is no work", no_piece_is_no_work},
    {"waits double up to the cap", waits_double_up_to_the_cap},
    {"a peer may ask for more", a_peer_may_ask_for_more},
    {"what cannot help is not tried again", what_cannot_help_is_not_tried_again},
};

static void check(void **state) {
  run_in_fiber(((const row *)*state)->run, NULL);
}

int main(void) {
  RUN_ROWS("orchestrate", rows, check);
}
