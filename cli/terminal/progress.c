#include "cli/terminal/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/terminal/numbers.h"
#include "mesh/runtime/text.h"

enum { BAR_COLUMNS = 24, PART_MAX = 300, UNIT_MAX = 40 };

typedef struct line {
  char *text;
  size_t size_bytes;
  int columns, room;  // used, and still free
} line;

static bool is_continuation(char byte) {
  return ((unsigned char)byte & 0xc0) == 0x80;
}

static int columns_of(const char *text) {
  int columns = 0;
  for (; *text != '\0'; text++)
    columns += !is_continuation(*text);
  return columns;
}

// Adds a part behind two spaces; false if it has no room.
static bool add(line *own, const char *part) {
  int gap = own->columns == 0 ? 0 : 2, needed = gap + columns_of(part);
  size_t bytes = strlen(part);
  if (needed > own->room || own->size_bytes + bytes + 3 > PROGRESS_LINE_MAX) return false;
  memcpy(own->text + own->size_bytes, "  ", (size_t)gap);
  memcpy(own->text + own->size_bytes + gap, part, bytes + 1);
  own->size_bytes += (size_t)gap + bytes;
  own->columns += needed;
  own->room -= needed;
  return true;
}

// Adds as much of `text` as has room, shown as print_text() would: what it prints is measured.
static void add_cut(line *own, const char *text) {
  char shown[PART_MAX];
  size_t size = mesh_text_escape(shown, sizeof shown, text, strlen(text)), kept = 0;
  for (int columns = 0; kept < size && columns < own->room - 2; columns++)
    kept += mesh_text_character(shown + kept, size - kept, NULL);
  shown[kept] = '\0';
  if (kept > 0) add(own, shown);
}

// ---- parts ----

// Eighths of a column make it move smoothly.
static void draw_bar(int64_t done, int64_t total, char out[PART_MAX]) {
  static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
  double share = total > 0 ? (double)done / (double)total : 0;
  int filled = (int)((share < 0 ? 0 : share > 1 ? 1 : share) * BAR_COLUMNS * 8);
  size_t size = (size_t)snprintf(out, PART_MAX, "▕");
  for (int i = 0; i < BAR_COLUMNS; i++) {
    int part = filled - i * 8;
    const char *glyph = eighths[part < 0 ? 0 : part > 8 ? 8 : part];
    size += (size_t)snprintf(out + size, PART_MAX - size, "%s", glyph);
  }
  snprintf(out + size, PART_MAX - size, "▏%3d%%", (int)((double)filled * 100 / (BAR_COLUMNS * 8)));
}

static void add_counts(line *own, const progress_state *state) {
  char part[PART_MAX], one[NUMBERS_TEXT_MAX], other[NUMBERS_TEXT_MAX];
  if (state->bars > 0) {
    numbers_count(state->bars, one);
    snprintf(part, sizeof part, "%s bars", one);
    add(own, part);
  }
  if (state->total > 0) {
    numbers_count(state->done, one);
    numbers_count(state->total, other);
    char unit[UNIT_MAX];
    mesh_text_escape(unit, sizeof unit, state->unit, strlen(state->unit));
    snprintf(part, sizeof part, "%s/%s %s", one, other, unit);
    add(own, part);
  }
}

static void add_speed(line *own, const progress_state *state) {
  char part[PART_MAX], one[NUMBERS_TEXT_MAX];
  if (state->rate > 0) {
    numbers_count((int64_t)(state->rate + 0.5), one);
    snprintf(part, sizeof part, "%s/s", one);
    add(own, part);
  }
  if (state->eta_s >= 0 && state->done < state->total) {
    numbers_span(state->eta_s, one);
    snprintf(part, sizeof part, "ETA %s", one);
    add(own, part);
  }
}

void progress_format(const progress_state *state, int columns, char out[PROGRESS_LINE_MAX]) {
  line own = {.text = out, .room = columns};
  out[0] = '\0';
  char bar[PART_MAX];
  add_cut(&own, state->title);
  if (state->total > 0) {
    draw_bar(state->done, state->total, bar);
    add(&own, bar);
  }
  add_counts(&own, state);
  add_speed(&own, state);
  if (state->note != NULL && state->note[0] != '\0') add_cut(&own, state->note);
}
