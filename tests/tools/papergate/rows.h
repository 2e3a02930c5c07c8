// Rows of a table as tests of their own.
#ifndef MILLRACE_TESTS_TOOLS_PAPERGATE_ROWS_H
#define MILLRACE_TESTS_TOOLS_PAPERGATE_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

// Runs `check` for each row of `table`, whose first member is the row's name. Gives the failures.
#define RUN_ROWS(table, check) run_rows(#check, table, COUNT_OF(table), sizeof(table)[0], check)

static inline int run_rows(const char *group, const void *table, size_t count, size_t row_size,
                           CMUnitTestFunction check) {
  struct CMUnitTest *tests = calloc(count, sizeof *tests);
  for (size_t i = 0; i < count; i++) {
    const char *row = (const char *)table + i * row_size;
    tests[i] = (struct CMUnitTest){.name = *(const char *const *)(const void *)row,
                                   .test_func = check,
                                   .initial_state = (void *)(uintptr_t)row};
  }
  int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
  free(tests);
  return failed;
}

#endif
