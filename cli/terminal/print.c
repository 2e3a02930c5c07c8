#include "cli/terminal/print.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/runtime/text.h"

enum { SPEC_MAX = 48, SHOWN_MAX = MESH_TEXT_ESCAPED_MAX(4) };

// One conversion of a format: "%-20s".
typedef struct spec {
  char text[SPEC_MAX];   // with the numbers that stood for each *
  bool left;             // fills behind
  int width, precision;  // -1: none
  char length;           // 'h', 'l', 'L' for ll, 'z', 'j'; 0: none
  char conversion;
} spec;

typedef struct arguments {
  va_list list;  // in a struct, so that functions can share its place
} arguments;

// ---- reading a format ----

static const char *read_number(const char *at, int *out, arguments *args) {
  if (*at == '*') {
    *out = va_arg(args->list, int);
    return at + 1;
  }
  char *end;
  *out = (int)strtol(at, &end, 10);
  return end;
}

// Reads the conversion that begins at the '%' `at`; returns where it ends.
static const char *read_spec(const char *at, spec *out, arguments *args) {
  *out = (spec){.width = -1, .precision = -1};
  size_t size = 0;
  out->text[size++] = *at++;
  while (*at != '\0' && strchr("-0+ #", *at) != NULL && size < 8) {
    if (*at == '-') out->left = true;
    out->text[size++] = *at++;
  }
  if (*at == '*' || (*at >= '1' && *at <= '9')) {
    at = read_number(at, &out->width, args);
    size += (size_t)snprintf(out->text + size, SPEC_MAX - size, "%d", out->width);
  }
  if (*at == '.') {
    at = read_number(at + 1, &out->precision, args);
    size += (size_t)snprintf(out->text + size, SPEC_MAX - size, ".%d", out->precision);
  }
  while (*at != '\0' && strchr("hlzj", *at) != NULL && size < SPEC_MAX - 2) {
    out->length = *at == 'l' && out->length == 'l' ? 'L' : *at;
    out->text[size++] = *at++;
  }
  out->conversion = *at;
  out->text[size++] = *at;
  out->text[size] = '\0';
  return *at == '\0' ? at : at + 1;
}

// ---- writing ----

// Printable ASCII, which is nearly all that is printed: how much of it is at the front.
static size_t plain_bytes(const char *text, size_t size_bytes) {
  size_t size = 0;
  while (size < size_bytes && text[size] >= 0x20 && text[size] < 0x7f)
    size++;
  return size;
}

// Shows the character at text[0 .. size_bytes) in `shown`; returns its size there, 1 for a damaged
// byte. *columns is what it takes: one, or as many as its escape has letters.
static size_t show_character(const char *text, size_t size_bytes, char shown[SHOWN_MAX],
                             int *columns) {
  size_t size = mesh_text_character(text, size_bytes, NULL);
  if (size == 0) size = 1;
  size_t bytes = mesh_text_escape(shown, SHOWN_MAX, text, size);
  *columns = bytes == size ? 1 : (int)bytes;
  return size;
}

// Writes `text`, escaped; returns the columns that it takes. `out` NULL: only measures.
static int put_escaped(FILE *out, const char *text, size_t size_bytes) {
  int columns = 0;
  for (size_t at = 0; at < size_bytes;) {
    size_t plain = plain_bytes(text + at, size_bytes - at);
    if (out != NULL) fwrite(text + at, 1, plain, out);
    columns += (int)plain;
    at += plain;
    if (at == size_bytes) break;
    char shown[SHOWN_MAX];
    int one;
    at += show_character(text + at, size_bytes - at, shown, &one);
    columns += one;
    if (out != NULL) fputs(shown, out);
  }
  return columns;
}

// The first bytes of `text`, at most `precision` of them where that is not negative; a character
// that would be cut there is left out. Reads no further, so that `text` needs no NUL behind them.
static size_t bounded_bytes(const char *text, int precision) {
  if (precision < 0) return strlen(text);
  size_t size = strnlen(text, (size_t)precision), whole = size;
  while (whole > 0 && size - whole < 3 && ((unsigned char)text[whole - 1] & 0xc0) == 0x80)
    whole--;
  bool begun = size == (size_t)precision && whole > 0 && (unsigned char)text[whole - 1] >= 0xc0 &&
               mesh_text_character(text + whole - 1, size - whole + 1, NULL) == 0;
  return begun ? whole - 1 : size;
}

static void put_string(FILE *out, const spec *how, const char *text) {
  size_t size = bounded_bytes(text, how->precision);
  int width = how->width < -1 ? -how->width : how->width;
  bool left = how->left || how->width < -1;
  int fill = width > 0 ? width - put_escaped(NULL, text, size) : 0;
  if (!left && fill > 0) fprintf(out, "%*s", fill, "");
  put_escaped(out, text, size);
  if (left && fill > 0) fprintf(out, "%*s", fill, "");
}

static void put_integer(FILE *out, const spec *how, arguments *args) {
  switch (how->length) {
    case 'l':
      fprintf(out, how->text, va_arg(args->list, long));
      break;
    case 'L':
      fprintf(out, how->text, va_arg(args->list, long long));
      break;
    case 'z':
      fprintf(out, how->text, va_arg(args->list, size_t));
      break;
    case 'j':
      fprintf(out, how->text, va_arg(args->list, intmax_t));
      break;
    default:
      fprintf(out, how->text, va_arg(args->list, int));
  }
}

static void put_conversion(FILE *out, const spec *how, arguments *args) {
  switch (how->conversion) {
    case '%':
      fputc('%', out);
      break;
    case 's':
      put_string(out, how, va_arg(args->list, const char *));
      break;
    case 'c':
      put_string(out, how, (char[]){(char)va_arg(args->list, int), '\0'});
      break;
    case 'f':
    case 'e':
    case 'g':
      fprintf(out, how->text, va_arg(args->list, double));
      break;
    default:
      assert(strchr("diuxX", how->conversion) != NULL && how->conversion != '\0');
      put_integer(out, how, args);
  }
}

void print_vtext(FILE *out, const char *format, va_list args) {
  arguments rest;
  va_copy(rest.list, args);
  while (*format != '\0') {
    size_t plain = strcspn(format, "%");
    fwrite(format, 1, plain, out);
    format += plain;
    if (*format == '\0') break;
    spec how;
    format = read_spec(format, &how, &rest);
    put_conversion(out, &how, &rest);
  }
  va_end(rest.list);
}

void print_text(FILE *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  print_vtext(out, format, args);
  va_end(args);
}

void print_own(FILE *out, const char *text) {
  fputs(text, out);
}

// ---- JSON ----

// Writes what must not stand in JSON for a terminal as it is; false if `character` may.
static bool put_json_escape(FILE *out, size_t step, uint32_t character) {
  if (step == 0) {
    fputs("\\ufffd", out);
  } else if (mesh_text_is_control(character)) {
    fprintf(out, "\\u%04x", (unsigned)character);
  } else {
    return false;
  }
  return true;
}

void print_json(FILE *out, const char *json) {
  size_t size = strlen(json), step;
  for (size_t at = 0, plain; at < size; at += step) {
    // Nearly all of it is printable ASCII; what JSON itself ends its lines with stays.
    for (plain = at; plain < size && ((json[plain] >= 0x20 && json[plain] < 0x7f) ||
                                      json[plain] == '\n' || json[plain] == '\t');)
      plain++;
    fwrite(json + at, 1, plain - at, out);
    at = plain;
    if (at == size) break;
    uint32_t character = 0;
    step = mesh_text_character(json + at, size - at, &character);
    if (!put_json_escape(out, step, character)) fwrite(json + at, 1, step, out);
    if (step == 0) step = 1;
  }
}

void print_json_string(FILE *out, const char *text) {
  size_t size = strlen(text), step;
  fputc('"', out);
  for (size_t at = 0; at < size; at += step) {
    uint32_t character = 0;
    step = mesh_text_character(text + at, size - at, &character);
    if (text[at] == '"' || text[at] == '\\') fputc('\\', out);
    if (!put_json_escape(out, step, character)) fwrite(text + at, 1, step, out);
    if (step == 0) step = 1;
  }
  fputc('"', out);
}
