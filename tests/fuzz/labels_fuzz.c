// Labels: any text as the labels of a stored operation, and as keys and values of a start.
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/labels.h"
#include "tests/fuzz/target.h"

static size_t read_all(const char *text) {
  char key[MESH_LABEL_KEY_MAX + 1], value[MESH_LABEL_VALUE_MAX + 1];
  size_t count = 0;
  while (mesh_labels_next(&text, key, value))
    count++;
  return count;
}

// Each line of the text is a key, up to its first '=', and a value.
static void make(char *text) {
  const char *keys[MESH_LABELS_MAX + 8], *values[MESH_LABELS_MAX + 8];
  size_t count = 0;
  for (char *line; (line = strsep(&text, "\n")) != NULL && count < MESH_LABELS_MAX + 8; count++) {
    keys[count] = strsep(&line, "=");
    values[count] = line != NULL ? line : "";
  }
  char *made;
  mesh_error err;
  if (mesh_labels_make(keys, values, count, &made, &err) != GRPC_STATUS_OK) {
    if (made != NULL || err.message[0] == '\0') abort();
    return;
  }
  if (read_all(made) != count) abort();
  free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  char *text = strndup((const char *)data, size_bytes);
  if (text == NULL) abort();
  read_all(text);
  make(text);
  free(text);
  return 0;
}
