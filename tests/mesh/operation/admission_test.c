#include "mesh/operation/admission.h"

#include <string.h>

#include "mesh/runtime/time.h"
#include "tests/unit.h"

// Asks `times` times, `apart_ms` each; returns how many were let in. The last answer is in `err`.
static int ask(mesh_admission *own, int times, int64_t running, int64_t *now_ns, int64_t apart_ms,
               mesh_error *err) {
  int taken = 0;
  for (int i = 0; i < times; i++) {
    *now_ns = mesh_time_after_ms(*now_ns, apart_ms);
    taken += mesh_admission_take(own, running, *now_ns, err) == GRPC_STATUS_OK;
  }
  return taken;
}

static void a_burst_then_the_rate(void **state) {
  (void)state;
  int64_t now_ns = 5 * MESH_S_NS;
  mesh_error err;
  mesh_admission own = mesh_admission_create(0, 4, now_ns);
  assert_int_equal(ask(&own, 50, 0, &now_ns, 0, &err), 40);  // ten seconds' worth
  assert_int_equal(err.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_string_equal(err.reason, "TOO_MANY_STARTS");
  assert_in_range(err.retry_after_ms, 250, 260);
  assert_int_equal(ask(&own, 100, 0, &now_ns, 50, &err), 20);  // 5 s at 4 a second
  assert_int_equal(ask(&own, 1, 0, &now_ns, err.retry_after_ms, &err), 1);
  ask(&own, 1, 0, &now_ns, 3600 * 1000, &err);
  assert_int_equal(ask(&own, 50, 0, &now_ns, 0, &err), 39);  // a pause saves no more than the burst
}

static void so_many_run(void **state) {
  (void)state;
  int64_t now_ns = 0;
  mesh_error err;
  mesh_admission own = mesh_admission_create(3, 1, now_ns);
  assert_int_equal(ask(&own, 2, 2, &now_ns, 0, &err), 2);
  assert_int_equal(ask(&own, 20, 3, &now_ns, 0, &err), 0);
  assert_string_equal(err.reason, "TOO_MANY_OPERATIONS");
  assert_non_null(strstr(err.message, "3 operations run"));
  assert_true(err.retry_after_ms > 0);
  assert_int_equal(ask(&own, 20, 2, &now_ns, 0, &err), 8);  // who was refused has taken nothing
}

static void parts_have_places_of_their_own(void **state) {
  (void)state;
  mesh_error err;
  mesh_admission own = mesh_admission_create(3, 1, 0);
  for (int i = 0; i < 20; i++)  // and take no starts
    assert_int_equal(mesh_admission_take_part(&own, 2, &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_admission_take_part(&own, 3, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_non_null(strstr(err.message, "3 parts of operations run"));
  assert_true(mesh_error_is_retryable(&err));
  int64_t now_ns = 0;
  assert_int_equal(ask(&own, 20, 2, &now_ns, 0, &err), 10);
}

static void no_number_no_bound(void **state) {
  (void)state;
  int64_t now_ns = 0;
  mesh_error err;
  mesh_admission own = mesh_admission_create(0, 0, now_ns);
  assert_int_equal(ask(&own, 1000, 1000000, &now_ns, 0, &err), 1000);
}

// The clock of a machine that slept, and rates that no clock can tell apart.
static void odd_times(void **state) {
  (void)state;
  int64_t now_ns = INT64_MAX - 1;
  mesh_error err;
  mesh_admission own = mesh_admission_create(0, 1, 0);
  assert_int_equal(ask(&own, 20, 0, &now_ns, 0, &err), 10);
  own = mesh_admission_create(0, 1000000000, 0);
  now_ns = MESH_S_NS;
  assert_int_equal(ask(&own, 20, 0, &now_ns, 0, &err), 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_burst_then_the_rate), cmocka_unit_test(so_many_run),
      cmocka_unit_test(parts_have_places_of_their_own), cmocka_unit_test(no_number_no_bound),
      cmocka_unit_test(odd_times)};
  return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
