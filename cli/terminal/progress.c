#include "cli/terminal/progress.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal/numbers.h"
#include "cli/terminal/width.h"
#include "mesh/runtime/text.h"

enum {
  BAR_LEAST = 8,
  BAR_MOST = 24,  // columns between its ends
  TITLE_LEAST = 12,
  NOTE_LEAST = 8,
  GAP = 2,  // between two parts
  PART_MAX = 300,
  UNIT_MAX = 40,
};

// The parts of the line in their order on it.
typedef enum part {
  PART_TITLE,
  PART_BAR,
  PART_PERCENT,
  PART_KEY,
  PART_BARS,
  PART_COUNTS,
  PART_RATE,
  PART_ETA,
  PART_NOTE,
  PART_COUNT,
} part;

typedef struct line {
  char texts[PART_COUNT][PART_MAX];  // "" where there is nothing to say
  int widths[PART_COUNT];            // columns that a part gets; 0: none
  int room;                          // columns that are free
  bool any;                          // something has a place
} line;

// ---- what there is to say ----

// Text from outside: its control characters are shown, damage is mended.
static void take_text(char out[PART_MAX], const char *text) {
  if (text != NULL) mesh_text_escape(out, PART_MAX, text, strnlen(text, PART_MAX));
}

static double share_of(const progress_state *state) {
  double share = state->total > 0 ? (double)state->done / (double)state->total : 0;
  return share < 0 ? 0 : share > 1 ? 1 : share;
}

static void say_counts(line *own, const progress_state *state) {
  char one[NUMBERS_TEXT_MAX], other[NUMBERS_TEXT_MAX];
  if (state->bars > 0) {
    numbers_count(state->bars, one);
    snprintf(own->texts[PART_BARS], PART_MAX, "%s bars", one);
  }
  if (state->total > 0) {
    numbers_count(state->done, one);
    numbers_count(state->total, other);
    char unit[UNIT_MAX];
    mesh_text_escape(unit, sizeof unit, state->unit, strlen(state->unit));
    snprintf(own->texts[PART_COUNTS], PART_MAX, "%s/%s %s", one, other, unit);
    snprintf(own->texts[PART_PERCENT], PART_MAX, "%3d%%", (int)(100 * share_of(state)));
  }
}

static void say_speed(line *own, const progress_state *state) {
  char text[NUMBERS_TEXT_MAX];
  if (state->rate > 0) {
    numbers_count((int64_t)(state->rate < 1e15 ? state->rate + 0.5 : 1e15), text);
    snprintf(own->texts[PART_RATE], PART_MAX, "%s/s", text);
  }
  if (state->eta_s >= 0 && state->done < state->total) {
    numbers_span(state->eta_s, text);
    snprintf(own->texts[PART_ETA], PART_MAX, "ETA %s", text);
  }
}

// Eighths of a column make it move smoothly.
static void draw_bar(double share, int columns, bool ascii, char out[PART_MAX]) {
  static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
  int filled = (int)(share * columns * 8);
  size_t size = (size_t)snprintf(out, PART_MAX, "%s", ascii ? "[" : "▕");
  for (int i = 0; i < columns; i++) {
    int eighth = filled - i * 8;
    eighth = eighth < 0 ? 0 : eighth > 8 ? 8 : eighth;
    const char *glyph = !ascii ? eighths[eighth] : eighth == 8 ? "#" : " ";
    size += (size_t)snprintf(out + size, PART_MAX - size, "%s", glyph);
  }
  snprintf(out + size, PART_MAX - size, "%s", ascii ? "]" : "▏");
}

// ---- what has room ----

// Gives a part that has none yet `width` columns, with a gap where it is not the first.
static bool place(line *own, part which, int width) {
  bool joined = which == PART_PERCENT || which == PART_BAR;  // the two touch
  bool first = joined && own->widths[which == PART_BAR ? PART_PERCENT : PART_BAR] > 0;
  int needed = width + (own->any && !first ? GAP : 0);
  if (width <= 0 || needed > own->room) return false;
  own->widths[which] = width;
  own->room -= needed;
  own->any = true;
  return true;
}

static void place_whole(line *own, part which) {
  place(own, which, width_of(own->texts[which]));
}

// Lets a part that has a place grow as far as its text and the room go.
static void widen(line *own, part which, int most) {
  int added = most - own->widths[which];
  if (own->widths[which] == 0 || added <= 0) return;
  if (added > own->room) added = own->room;
  own->widths[which] += added;
  own->room -= added;
}

static int smaller(int a, int b) {
  return a < b ? a : b;
}

// The most important first.
static void place_all(line *own, bool has_bar) {
  static const part first[] = {PART_PERCENT, PART_ETA, PART_KEY, PART_RATE};
  int title = width_of(own->texts[PART_TITLE]), note = width_of(own->texts[PART_NOTE]);
  for (size_t i = 0; i < sizeof first / sizeof *first; i++)
    place_whole(own, first[i]);
  place(own, PART_TITLE, smaller(title, own->any ? TITLE_LEAST : own->room));
  if (has_bar) place(own, PART_BAR, BAR_LEAST + 2);
  widen(own, PART_TITLE, title);
  place_whole(own, PART_BARS);
  place_whole(own, PART_COUNTS);
  if (has_bar) widen(own, PART_BAR, BAR_MOST + 2);
  int left = own->room - GAP;
  if (note <= left || left >= NOTE_LEAST) place(own, PART_NOTE, smaller(note, left));
}

// ---- the line ----

// Copies as much as `columns` has room for; what is left out is a mark at the end.
static size_t write_cut(char *out, const char *text, int columns, bool ascii) {
  const char *mark = ascii ? "..." : "…";
  if (width_of(text) <= columns || width_of(mark) >= columns) mark = "";
  size_t size = width_cut(text, columns - width_of(mark));
  memcpy(out, text, size);
  memcpy(out + size, mark, strlen(mark));
  return size + strlen(mark);
}

static void write_line(const line *own, bool ascii, char out[PROGRESS_LINE_MAX]) {
  size_t size = 0;
  for (part each = 0; each < PART_COUNT; each++) {
    if (own->widths[each] == 0 || size + PART_MAX + GAP >= PROGRESS_LINE_MAX) continue;
    const char *text = own->texts[each];
    bool touches = each == PART_PERCENT && own->widths[PART_BAR] > 0;
    if (each == PART_PERCENT && !touches) text += strspn(text, " ");  // aligned with the bar only
    if (size > 0 && !touches) {
      memset(out + size, ' ', GAP);
      size += GAP;
    }
    size += write_cut(out + size, text, own->widths[each], ascii);
  }
  out[size] = '\0';
}

void progress_format(const progress_state *state, int columns, char out[PROGRESS_LINE_MAX]) {
  line own = {.room = columns};
  take_text(own.texts[PART_TITLE], state->title);
  take_text(own.texts[PART_KEY], state->key);
  take_text(own.texts[PART_NOTE], state->note);
  say_counts(&own, state);
  say_speed(&own, state);
  place_all(&own, state->total > 0 && !state->no_bar);
  if (own.widths[PART_BAR] > 0) {
    draw_bar(share_of(state), own.widths[PART_BAR] - 2, state->ascii, own.texts[PART_BAR]);
  }
  write_line(&own, state->ascii, out);
}
