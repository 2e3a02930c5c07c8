#include "mesh/runtime/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd";  // U+FFFD
enum { REPLACEMENT_BYTES = 3, ESCAPE_MAX = 8 };

// ---- what it is ----

size_t mesh_text_character(const char *text, size_t size_bytes, uint32_t *character) {
  // Smallest number that needs so many bytes: a smaller one in this form is not the shortest.
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const unsigned char *byte = (const unsigned char *)text;
  if (size_bytes == 0) return 0;
  size_t size = byte[0] < 0x80             ? 1
                : (byte[0] & 0xe0) == 0xc0 ? 2
                : (byte[0] & 0xf0) == 0xe0 ? 3
                : (byte[0] & 0xf8) == 0xf0 ? 4
                                           : 0;
  if (size == 0 || size > size_bytes) return 0;
  uint32_t value = size == 1 ? byte[0] : byte[0] & (0x7fU >> size);
  for (size_t i = 1; i < size; i++) {
    if ((byte[i] & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte[i] & 0x3f);
  }
  bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < least[size] || surrogate || value > 0x10ffff) return 0;
  if (character != NULL) *character = value;
  return size;
}

size_t mesh_text_valid_bytes(const char *text, size_t size_bytes) {
  size_t at = 0;
  while (at < size_bytes) {
    size_t size =
        (unsigned char)text[at] < 0x80 ? 1 : mesh_text_character(text + at, size_bytes - at, NULL);
    if (size == 0) break;
    at += size;
  }
  return at;
}

bool mesh_text_is_control(uint32_t character) {
  return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
         character == 0x061c ||                           // Arabic letter mark
         (character >= 0x200e && character <= 0x200f) ||  // left-to-right and right-to-left marks
         (character >= 0x2028 && character <= 0x202e) ||  // separators, embeddings, overrides
         (character >= 0x2066 && character <= 0x2069) ||  // isolates
         character == 0xfeff;
}

const char *mesh_text_name_fault(const char *text, size_t most_bytes) {
  size_t size = strnlen(text, most_bytes + 1);
  if (size == 0) return "is empty";
  if (size > most_bytes) return "is too long";
  for (size_t at = 0, step; at < size; at += step) {
    uint32_t character;
    step = mesh_text_character(text + at, size - at, &character);
    if (step == 0) return "is no UTF-8";
    if (mesh_text_is_control(character)) return "holds a control character";
  }
  return NULL;
}

const char *mesh_text_file_name_fault(const char *name, size_t most_bytes) {
  const char *fault = mesh_text_name_fault(name, most_bytes);
  if (fault != NULL) return fault;
  if (name[0] == '.') return "begins with a dot";
  if (strpbrk(name, "/\\:*?\"<>|") != NULL) return "holds one of / \\ : * ? \" < > |";
  return NULL;
}

// ---- cutting ----

size_t mesh_text_cut(const char *text, size_t size_bytes, size_t most_bytes) {
  if (size_bytes <= most_bytes) return size_bytes;
  // The character that lies over the border, if one does, begins at most three bytes before it.
  for (size_t back = 1; back <= 3 && back <= most_bytes; back++) {
    size_t from = most_bytes - back;
    if (((unsigned char)text[from] & 0xc0) == 0x80) continue;
    return mesh_text_character(text + from, size_bytes - from, NULL) > back ? from : most_bytes;
  }
  return most_bytes;
}

int mesh_text_shown(const char *text, size_t most_bytes) {
  return (int)mesh_text_cut(text, strnlen(text, most_bytes + 4), most_bytes);
}

// Where a character begins at the end of text[0 .. size_bytes) that is not all there; else the
// size.
static size_t drop_begun(const char *text, size_t size_bytes) {
  for (size_t back = 1; back <= 3 && back <= size_bytes; back++) {
    size_t from = size_bytes - back;
    if (((unsigned char)text[from] & 0xc0) == 0x80) continue;
    return mesh_text_character(text + from, back, NULL) == 0 ? from : size_bytes;
  }
  return size_bytes;
}

// Makes `out`, which holds `size` bytes, a part of what was meant unless `whole`, UTF-8.
static bool finish(char *out, size_t capacity, size_t size, bool whole) {
  if (!whole) size = drop_begun(out, size);
  out[size] = '\0';
  if (mesh_text_valid_bytes(out, size) == size) return whole;
  char *damaged = malloc(size);
  if (damaged == NULL) abort();
  memcpy(damaged, out, size);
  mesh_text_mend(out, capacity, damaged, size);
  free(damaged);
  return whole;
}

bool mesh_text_vformat(char *out, size_t capacity, const char *format, va_list args) {
  int wanted = vsnprintf(out, capacity, format, args);
  if (wanted < 0) out[0] = '\0';
  bool whole = wanted >= 0 && (size_t)wanted < capacity;
  return finish(out, capacity, wanted < 0 ? 0 : whole ? (size_t)wanted : capacity - 1, whole);
}

bool mesh_text_format(char *out, size_t capacity, const char *format, ...) {
  va_list args;
  va_start(args, format);
  bool whole = mesh_text_vformat(out, capacity, format, args);
  va_end(args);
  return whole;
}

bool mesh_text_append(char *out, size_t capacity, const char *format, ...) {
  size_t used = strnlen(out, capacity - 1);
  va_list args;
  va_start(args, format);
  bool whole = mesh_text_vformat(out + used, capacity - used, format, args);
  va_end(args);
  return whole;
}

bool mesh_text_copy(char *out, size_t capacity, const char *text) {
  size_t size = strnlen(text, capacity);
  bool whole = size < capacity;
  if (!whole) size = capacity - 1;
  memcpy(out, text, size);
  return finish(out, capacity, size, whole);
}

// ---- mending and showing ----

bool mesh_text_ends_with(const char *text, const char *end) {
  size_t size = strlen(text), end_size = strlen(end);
  return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

size_t mesh_text_mend(char *out, size_t capacity, const char *text, size_t size_bytes) {
  size_t written = 0;
  for (size_t at = 0; at < size_bytes;) {
    uint32_t character = 0;
    size_t step = mesh_text_character(text + at, size_bytes - at, &character);
    bool good = step > 0 && character != 0;
    const char *piece = good ? text + at : replacement;
    size_t size = good ? step : REPLACEMENT_BYTES;
    if (written + size >= capacity) break;
    memcpy(out + written, piece, size);
    written += size;
    at += good ? step : 1;
  }
  out[written] = '\0';
  return written;
}

size_t mesh_text_mend_in_place(char *text, size_t size_bytes) {
  size_t at = mesh_text_valid_bytes(text, size_bytes), damaged = 0;
  for (; at < size_bytes; damaged++) {
    text[at++] = '?';
    at += mesh_text_valid_bytes(text + at, size_bytes - at);
  }
  return damaged;
}

// How a control character is written; returns the size.
static size_t write_escape(uint32_t character, char out[ESCAPE_MAX]) {
  const char *short_form = character == '\n'   ? "\\n"
                           : character == '\r' ? "\\r"
                           : character == '\t' ? "\\t"
                                               : NULL;
  if (short_form != NULL) return (size_t)snprintf(out, ESCAPE_MAX, "%s", short_form);
  return (size_t)snprintf(out, ESCAPE_MAX, character < 0x80 ? "\\x%02x" : "\\u%04x",
                          (unsigned)character);
}

size_t mesh_text_escape(char *out, size_t capacity, const char *text, size_t size_bytes) {
  size_t written = 0;
  for (size_t at = 0, step; at < size_bytes; at += step) {
    char escape[ESCAPE_MAX];
    const char *piece = text + at;
    uint32_t character;
    step = mesh_text_character(text + at, size_bytes - at, &character);
    size_t size = step;
    if (step == 0) {
      step = 1;
      piece = escape;
      size = (size_t)snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)text[at]);
    } else if (mesh_text_is_control(character)) {
      piece = escape;
      size = write_escape(character, escape);
    }
    if (written + size >= capacity) break;
    memcpy(out + written, piece, size);
    written += size;
  }
  out[written] = '\0';
  return written;
}
