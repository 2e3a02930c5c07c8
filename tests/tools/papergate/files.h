// Files for a test, in a directory of its own.
#ifndef MILLRACE_TESTS_TOOLS_PAPERGATE_FILES_H
#define MILLRACE_TESTS_TOOLS_PAPERGATE_FILES_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/tools/papergate/rows.h"

#define CSV_HEADER "time_utc,open,high,low,close,volume\n"

// A new directory below TEST_TMPDIR; the test run removes it.
static inline void make_directory(char out[PATH_MAX]) {
  const char *base = getenv("TEST_TMPDIR");
  snprintf(out, PATH_MAX, "%s/papergate-XXXXXX", base == NULL ? "/tmp" : base);
  assert_non_null(mkdtemp(out));
}

static inline void write_file(const char *directory, const char *name, const char *text) {
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

#endif
