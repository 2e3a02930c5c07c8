// The budget of a link's retries; time is a parameter.
#include "mesh/rpc/retry_budget.h"

#include "tests/unit.h"

static const int64_t s = 1000000000;

static void twenty_at_once_then_two_a_second(void **state) {
  (void)state;
  mesh_retry_budget budget = {0};
  for (int i = 0; i < 20; i++)
    assert_int_equal(mesh_retry_budget_take(&budget, s), 0);
  assert_int_equal(mesh_retry_budget_take(&budget, s), 501);
  assert_int_equal(mesh_retry_budget_take(&budget, s), 1001);   // behind the one that waits
  assert_int_equal(mesh_retry_budget_take(&budget, 3 * s), 0);  // four more by then
}

static void requests_pay_for_retries(void **state) {
  (void)state;
  mesh_retry_budget budget = {0};
  for (int i = 0; i < 20; i++)
    mesh_retry_budget_take(&budget, s);
  for (int i = 0; i < 5; i++)
    mesh_retry_budget_pay(&budget, s);
  assert_int_equal(mesh_retry_budget_take(&budget, s), 0);
  assert_in_range(mesh_retry_budget_take(&budget, s), 500, 502);
}

static void it_does_not_grow_without_end(void **state) {
  (void)state;
  mesh_retry_budget budget = {0};
  for (int i = 0; i < 100000; i++)
    mesh_retry_budget_pay(&budget, s + i);
  for (int i = 0; i < 20; i++)
    assert_int_equal(mesh_retry_budget_take(&budget, 3600 * s), 0);
  assert_in_range(mesh_retry_budget_take(&budget, 3600 * s), 500, 502);
}

// Neither by requests nor by time is there ever more than a full budget.
static void twenty_is_the_most(void **state) {
  (void)state;
  mesh_retry_budget paid = {0}, waited = {0};
  for (int i = 0; i < 1000; i++)
    mesh_retry_budget_pay(&paid, s);
  mesh_retry_budget_take(&waited, s);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(mesh_retry_budget_take(&paid, s), 0);
    assert_int_equal(mesh_retry_budget_take(&waited, 3600 * s), 0);
  }
  assert_int_equal(mesh_retry_budget_take(&paid, s), 501);
  assert_int_equal(mesh_retry_budget_take(&waited, 3600 * s), 501);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(twenty_at_once_then_two_a_second),
      cmocka_unit_test(requests_pay_for_retries),
      cmocka_unit_test(twenty_is_the_most),
      cmocka_unit_test(it_does_not_grow_without_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
