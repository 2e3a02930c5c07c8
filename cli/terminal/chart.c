#include "cli/terminal/chart.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "market/times.h"

// A cell is 2 dots wide and 4 high.
enum { DOTS_X = 2, DOTS_Y = 4, LABEL_MAX = 16 };

typedef struct canvas {
  int columns, rows;  // in cells
  double low, high;   // prices at the lowest and the highest dot
  int decimals;       // of the labels
  uint8_t cells[CHART_ROWS_MAX][CHART_COLUMNS_MAX];
} canvas;

static int between(int value, int low, int high) {
  return value < low ? low : value > high ? high : value;
}

// ---- dots ----

static void set_dot(canvas *own, int x, int y) {
  static const uint8_t bits[DOTS_Y][DOTS_X] = {
      {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  own->cells[y / DOTS_Y][x / DOTS_X] |= bits[y % DOTS_Y][x % DOTS_X];
}

// The dot row of a price; 0 is the top.
static int dot_of(const canvas *own, double price) {
  int dots = own->rows * DOTS_Y;
  double share = (own->high - price) / (own->high - own->low);
  return between((int)lround(share * (dots - 1)), 0, dots - 1);
}

// One column of dots: from the lowest to the highest of its prices, joined to the column before.
static void draw_column(canvas *own, int x, double low, double high, int *last_y, double last) {
  int top = dot_of(own, high), bottom = dot_of(own, low);
  if (*last_y >= 0 && *last_y < top) top = *last_y + 1;
  if (*last_y > bottom) bottom = *last_y - 1;
  if (top > bottom) top = bottom;
  for (int y = top; y <= bottom; y++)
    set_dot(own, x, y);
  *last_y = dot_of(own, last);
}

static void draw_line(canvas *own, const chart_series *series) {
  int dots = own->columns * DOTS_X, last_y = -1;
  for (int x = 0; x < dots; x++) {
    size_t from = series->count * (size_t)x / (size_t)dots;
    size_t to = series->count * ((size_t)x + 1) / (size_t)dots;
    if (to <= from) to = from + 1;  // fewer bars than dots: a bar is several dots wide
    double low = INFINITY, high = -INFINITY, last = 0;
    for (size_t i = from; i < to && i < series->count; i++) {
      double price = series->prices[i];
      if (!isfinite(price)) continue;
      low = fmin(low, price);
      high = fmax(high, price);
      last = price;
    }
    if (low <= high) draw_column(own, x, low, high, &last_y, last);
  }
}

// ---- sizes and labels ----

static int find_range(canvas *own, const chart_series *series) {
  own->low = INFINITY;
  own->high = -INFINITY;
  for (size_t i = 0; i < series->count; i++) {
    if (!isfinite(series->prices[i])) continue;
    own->low = fmin(own->low, series->prices[i]);
    own->high = fmax(own->high, series->prices[i]);
  }
  if (own->low > own->high) return 0;
  if (own->low == own->high) {  // a flat line: give it some room
    double room = own->low == 0 ? 1 : fabs(own->low) * 0.01;
    own->low -= room;
    own->high += room;
  }
  return 1;
}

// As many decimals as it takes to tell the labels of two rows apart.
static int decimals_of(const canvas *own) {
  double step = (own->high - own->low) / own->rows;
  return between((int)ceil(-log10(step)), 0, 8);
}

// Without UTF-8 a cell says where in it the line is, no finer.
static char ascii_of(uint8_t cell) {
  enum { UPPER = 0x01 | 0x08 | 0x02 | 0x10 };
  bool upper = (cell & UPPER) != 0, lower = (cell & ~UPPER) != 0;
  return cell == 0 ? ' ' : upper && lower ? '|' : upper ? '\'' : '.';
}

static void print_cells(FILE *out, const uint8_t *cells, int columns, bool ascii) {
  for (int i = 0; i < columns; i++) {
    unsigned glyph = 0x2800u + cells[i];  // as UTF-8
    char braille[] = {(char)(0xe0 | glyph >> 12), (char)(0x80 | (glyph >> 6 & 0x3f)),
                      (char)(0x80 | (glyph & 0x3f)), '\0'};
    char plain[] = {ascii_of(cells[i]), '\0'};
    fputs(ascii || cells[i] == 0 ? plain : braille, out);
  }
}

// The first, the last and each fourth row have a label.
static void print_row(FILE *out, const canvas *own, int row, bool ascii) {
  print_cells(out, own->cells[row], own->columns, ascii);
  double share = own->rows == 1 ? 0 : (double)row / (own->rows - 1);
  double price = own->high - share * (own->high - own->low);
  bool labelled = row == 0 || row == own->rows - 1 || (row % 4 == 0 && row + 2 < own->rows);
  fputs(labelled ? (ascii ? " +" : " ┤") : (ascii ? " |" : " │"), out);
  if (labelled) fprintf(out, " %.*f", own->decimals, price);
  fputs("\n", out);
}

static void print_times(FILE *out, const canvas *own, const chart_series *series) {
  char first[TIMES_TEXT_MAX], last[TIMES_TEXT_MAX];
  if (series->times == NULL) return;
  times_format_short(series->times[0], first);
  times_format_short(series->times[series->count - 1], last);
  int room = own->columns - (int)strlen(first);
  if (room > (int)strlen(last)) {
    fprintf(out, "%s%*s\n", first, room, last);
  } else {
    fprintf(out, "%s .. %s\n", first, last);
  }
}

void chart_draw(FILE *out, const chart_series *series, int columns, int rows, bool ascii) {
  canvas own = {.rows = between(rows, 1, CHART_ROWS_MAX)};
  if (!find_range(&own, series)) return;
  own.decimals = decimals_of(&own);
  char label[64];
  int width = snprintf(label, sizeof label, "%.*f", own.decimals, own.high);
  int low_width = snprintf(label, sizeof label, "%.*f", own.decimals, own.low);
  if (low_width > width) width = low_width;
  own.columns =
      between(columns, CHART_COLUMNS_MIN, CHART_COLUMNS_MAX) - between(width, 1, LABEL_MAX) - 3;
  draw_line(&own, series);
  for (int row = 0; row < own.rows; row++)
    print_row(out, &own, row, ascii);
  print_times(out, &own, series);
}
