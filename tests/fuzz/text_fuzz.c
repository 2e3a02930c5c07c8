// Text from outside: mended, cut, escaped and logged, it is UTF-8 that steers nothing.
#include <stdlib.h>
#include <string.h>

#include "cli/terminal/numbers.h"
#include "market/times.h"
#include "mesh/runtime/status.h"
#include "mesh/runtime/text.h"
#include "tests/fuzz/target.h"

static void check(const char *text, size_t size_bytes) {
  if (mesh_text_valid_bytes(text, size_bytes) != size_bytes) abort();
}

static void check_shown(const char *text, size_t size_bytes) {
  uint32_t character;
  check(text, size_bytes);
  for (size_t at = 0; at < size_bytes;) {
    at += mesh_text_character(text + at, size_bytes - at, &character);
    if (mesh_text_is_control(character)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  const char *text = (const char *)data;
  size_t room = MESH_TEXT_ESCAPED_MAX(size_bytes), small = 1 + size_bytes / 2;
  char *out = malloc(room), *copy = strndup(text, size_bytes);
  if (out == NULL || copy == NULL) abort();
  check_shown(out, mesh_text_escape(out, room, text, size_bytes));
  check_shown(out, mesh_text_escape(out, small, text, size_bytes));
  check(out, mesh_text_mend(out, small, text, size_bytes));
  size_t cut = mesh_text_cut(text, size_bytes, small);
  if (cut > small || cut > size_bytes) abort();
  (void)mesh_text_format(out, small, "%s", copy);
  check(out, strlen(out));
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_ABORTED, "%s", copy);
  check(err.message, strlen(err.message));
  int64_t number;  // and what a person types where a number or a time belongs
  if (numbers_duration(copy, &number) && number < 0) abort();
  if (times_read(copy, &number)) times_format(number, err.message);
  free(copy);
  free(out);
  return 0;
}
