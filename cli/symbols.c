#include "cli/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/terminal/print.h"
#include "market/instrument.h"
#include "mesh/runtime/text.h"

enum { LINE_MOST = 4096 };

void symbols_clear(symbols *own) {
  for (size_t i = 0; i < own->count; i++)
    free(own->items[i]);
  free(own->items);
  *own = (symbols){0};
}

static bool is_there(const symbols *own, const char *name) {
  for (size_t i = 0; i < own->count; i++) {
    if (strcmp(own->items[i], name) == 0) return true;
  }
  return false;
}

// `text` is changed: trimmed, and brought into its normal form.
static mesh_code add_one(symbols *own, char *text, mesh_error *err) {
  instrument one;
  text += strspn(text, " \t\"");
  size_t size = strlen(text);
  while (size > 0 && strchr(" \t\"\r", text[size - 1]) != NULL)
    text[--size] = '\0';
  mesh_code code = instrument_parse(text, &one, err);
  if (code != GRPC_STATUS_OK) return code;
  instrument_normalize(text);
  if (is_there(own, text)) return GRPC_STATUS_OK;
  if (own->count == SYMBOLS_MOST) {
    return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "more than %d symbols", SYMBOLS_MOST);
  }
  if (own->count == own->room) {
    own->room = 2 * own->room + 16;
    own->items = realloc(own->items, own->room * sizeof *own->items);
    if (own->items == NULL) abort();
  }
  own->items[own->count] = strdup(text);
  if (own->items[own->count++] == NULL) abort();
  return GRPC_STATUS_OK;
}

mesh_code symbols_add(symbols *own, const char *text, mesh_error *err) {
  char *copy = strdup(text), *rest = copy;
  if (copy == NULL) abort();
  mesh_code code = GRPC_STATUS_OK;
  for (char *one; code == GRPC_STATUS_OK && (one = strsep(&rest, ",")) != NULL;)
    code = add_one(own, one, err);
  free(copy);
  return code;
}

// ---- a file ----

static bool is_head(const char *field) {
  static const char *const heads[] = {"symbol", "symbols", "ticker", "instrument"};
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
    if (strcasecmp(field, heads[i]) == 0) return true;
  }
  return false;
}

static mesh_code add_line(symbols *own, const char *path, size_t number, char *line, bool has_nul,
                          FILE *complaints, mesh_error *err) {
  static const char byte_order_mark[] = "\xef\xbb\xbf";  // of files that Windows has written
  if (number == 1 && strncmp(line, byte_order_mark, 3) == 0) line += 3;
  line[strcspn(line, "#\r")] = '\0';
  line += strspn(line, " \t");
  line[strcspn(line, ",;\t")] = '\0';
  if (!has_nul && (line[0] == '\0' || (number == 1 && is_head(line)))) return GRPC_STATUS_OK;
  mesh_code code = has_nul ? mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                                       "a NUL byte: use a file of UTF-8 or ASCII")
                           : add_one(own, line, err);
  if (code != GRPC_STATUS_INVALID_ARGUMENT) return code;
  print_text(complaints, "%s:%zu: %s\n", path, number, err->message);
  own->broken++;
  return GRPC_STATUS_OK;
}

// One line, without its end and without the rest of one that is too long; false at the end.
static bool read_line(FILE *file, char line[LINE_MOST], bool *has_nul) {
  size_t size = 0;
  int c = fgetc(file);
  if (c == EOF) return false;
  for (*has_nul = false; c != EOF && c != '\n'; c = fgetc(file)) {
    *has_nul |= c == '\0';
    if (size < LINE_MOST - 1) line[size++] = (char)c;
  }
  line[size] = '\0';
  return true;
}

static mesh_code fail_file(const char *path, const char *doing, mesh_error *err) {
  mesh_code code = errno == ENOENT   ? GRPC_STATUS_NOT_FOUND
                   : errno == EACCES ? GRPC_STATUS_PERMISSION_DENIED
                                     : GRPC_STATUS_UNAVAILABLE;
  return mesh_fail(err, code, "%s %.*s: %s", doing, MESH_TEXT_SHOWN(path, 200), strerror(errno));
}

mesh_code symbols_read(symbols *own, const char *path, FILE *complaints, mesh_error *err) {
  bool is_stdin = strcmp(path, "-") == 0;
  const char *name = is_stdin ? "standard input" : path;
  FILE *file = is_stdin ? stdin : fopen(path, "re");
  if (file == NULL) return fail_file(path, "cannot open", err);
  char line[LINE_MOST];
  bool has_nul;
  mesh_code code = GRPC_STATUS_OK;
  for (size_t number = 1; code == GRPC_STATUS_OK && read_line(file, line, &has_nul); number++)
    code = add_line(own, name, number, line, has_nul, complaints, err);
  if (code == GRPC_STATUS_OK && ferror(file)) code = fail_file(name, "cannot read", err);
  if (!is_stdin) fclose(file);
  return code;
}
