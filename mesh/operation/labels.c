#include "mesh/operation/labels.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/runtime/bytes.h"
#include "mesh/runtime/text.h"

static bool is_key(const char *key) {
  if (!islower((unsigned char)key[0])) return false;
  return strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_./-") == strlen(key);
}

static mesh_code check_label(const char *key, const char *value, mesh_error *err) {
  if (strlen(key) > MESH_LABEL_KEY_MAX || !is_key(key)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "label '%.*s': a key is [a-z][a-z0-9_./-]*, up to %d bytes",
                     MESH_TEXT_SHOWN(key, 70), MESH_LABEL_KEY_MAX);
  }
  if (strlen(value) > MESH_LABEL_VALUE_MAX || strpbrk(value, "\n\r") != NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "label %s: a value has up to %d bytes and no line break", key,
                     MESH_LABEL_VALUE_MAX);
  }
  return GRPC_STATUS_OK;
}

static int by_key(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

// "key=value", to be sorted by the key: '=' comes after '-', '.' and '/', so keys that begin alike
// may swap; what counts is that equal sets have equal texts.
static char *make_line(const char *key, const char *value) {
  char *line;
  if (asprintf(&line, "%s=%s\n", key, value) < 0) abort();
  return line;
}

static bool same_key(const char *left, const char *right) {
  size_t size = strcspn(left, "=");
  return strncmp(left, right, size + 1) == 0;
}

static char *join_lines(char *const *lines, size_t count) {
  mesh_bytes text = {0};
  mesh_bytes_append(&text, (mesh_view){(const uint8_t *)"", 0});
  for (size_t i = 0; i < count; i++)
    mesh_bytes_append(&text, (mesh_view){(const uint8_t *)lines[i], strlen(lines[i])});
  return (char *)text.data;
}

mesh_code mesh_labels_make(const char *const *keys, const char *const *values, size_t count,
                           char **out, mesh_error *err) {
  char *lines[MESH_LABELS_MAX];
  *out = NULL;
  if (count > MESH_LABELS_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%zu labels are more than %d", count,
                     MESH_LABELS_MAX);
  }
  mesh_code code = GRPC_STATUS_OK;
  size_t made = 0;
  for (size_t i = 0; i < count && code == GRPC_STATUS_OK; i++) {
    code = check_label(keys[i], values[i], err);
    if (code == GRPC_STATUS_OK) lines[made++] = make_line(keys[i], values[i]);
  }
  if (code == GRPC_STATUS_OK) qsort(lines, made, sizeof *lines, by_key);
  for (size_t i = 1; i < made && code == GRPC_STATUS_OK; i++) {
    if (!same_key(lines[i - 1], lines[i])) continue;
    code = mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "label %.*s is given twice",
                     (int)strcspn(lines[i], "="), lines[i]);
  }
  if (code == GRPC_STATUS_OK) *out = join_lines(lines, made);
  for (size_t i = 0; i < made; i++)
    free(lines[i]);
  return code;
}

mesh_code mesh_labels_of_start(const Millrace__V1__StartOptions *options, char **out,
                               mesh_error *err) {
  const char *keys[MESH_LABELS_MAX + 1], *values[MESH_LABELS_MAX + 1];
  size_t count = options == NULL ? 0 : options->n_labels;
  for (size_t i = 0; i < count && i <= MESH_LABELS_MAX; i++) {
    keys[i] = options->labels[i]->key;
    values[i] = options->labels[i]->value;
  }
  return mesh_labels_make(keys, values, count, out, err);
}

bool mesh_labels_next(const char **text, char key[MESH_LABEL_KEY_MAX + 1],
                      char value[MESH_LABEL_VALUE_MAX + 1]) {
  while (**text != '\0') {
    const char *at = *text;
    size_t line_size = strcspn(at, "\n"), key_size = strcspn(at, "=\n");
    *text = at + line_size + (at[line_size] != '\0');
    if (key_size == line_size || key_size > MESH_LABEL_KEY_MAX) continue;
    size_t value_size = line_size - key_size - 1;
    if (value_size > MESH_LABEL_VALUE_MAX) continue;
    memcpy(key, at, key_size);
    key[key_size] = '\0';
    memcpy(value, at + key_size + 1, value_size);
    value[value_size] = '\0';
    return true;
  }
  return false;
}
