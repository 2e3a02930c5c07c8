#include "cli/terminal/width.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "mesh/runtime/text.h"

static locale_t enter_utf8(void) {
  static locale_t utf8;
  if (utf8 == (locale_t)0) utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  return utf8 == (locale_t)0 ? uselocale((locale_t)0) : uselocale(utf8);
}

// Adds the character at the front to *columns; returns its size in bytes.
static size_t take_character(const char *text, size_t size_bytes, int *columns) {
  uint32_t character;
  size_t size = mesh_text_character(text, size_bytes, &character);
  int width = size == 0 ? 1 : wcwidth((wchar_t)character);
  *columns += width < 0 ? 1 : width;
  return size == 0 ? 1 : size;
}

int width_of_bytes(const char *text, size_t size_bytes) {
  locale_t before = enter_utf8();
  int columns = 0;
  for (size_t i = 0; i < size_bytes;)
    i += take_character(text + i, size_bytes - i, &columns);
  uselocale(before);
  return columns;
}

int width_of(const char *text) {
  return width_of_bytes(text, strlen(text));
}

size_t width_cut(const char *text, int columns) {
  locale_t before = enter_utf8();
  size_t size_bytes = strlen(text), kept = 0;
  for (int used = 0; kept < size_bytes;) {
    size_t size = take_character(text + kept, size_bytes - kept, &used);
    if (used > columns) break;
    kept += size;
  }
  uselocale(before);
  return kept;
}
