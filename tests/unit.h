// For tests: cmocka's headers in the order that it needs, and rows with names.
#ifndef MILLRACE_TESTS_UNIT_H
#define MILLRACE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Runs check(&row) for each of `rows`, an array of structs whose first member is the row's name.
#define RUN_ROWS(group, rows, check)                                           \
  do {                                                                         \
    enum { COUNT = sizeof(rows) / sizeof *(rows) };                            \
    struct CMUnitTest tests[COUNT];                                            \
    for (size_t i = 0; i < COUNT; i++) {                                       \
      tests[i] = (struct CMUnitTest){.name = *(const char *const *)&(rows)[i], \
                                     .test_func = check,                       \
                                     .initial_state = (void *)&(rows)[i]};     \
    }                                                                          \
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);              \
  } while (0)

#endif
