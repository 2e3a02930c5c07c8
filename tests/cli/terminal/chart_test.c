#include "cli/terminal/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

enum { BARS_MAX = 4096, HOUR = 3600, START_S = 1492592400 };

static void fill_up(double *prices, size_t count) {
  for (size_t i = 0; i < count; i++)
    prices[i] = 1 + (double)i / (double)count;
}

static void fill_flat(double *prices, size_t count) {
  for (size_t i = 0; i < count; i++)
    prices[i] = 100;
}

static void fill_wave(double *prices, size_t count) {
  for (size_t i = 0; i < count; i++)
    prices[i] = 2000 + 100 * sin((double)i * 6.283185307 / (double)count);
}

static void fill_holes(double *prices, size_t count) {
  fill_up(prices, count);
  for (size_t i = 0; i < count; i += 2)
    prices[i] = NAN;
}

static void fill_nothing(double *prices, size_t count) {
  for (size_t i = 0; i < count; i++)
    prices[i] = NAN;
}

typedef struct row {
  const char *name;
  void (*fill)(double *prices, size_t count);
  size_t count;
  int columns, rows;
  const char *want;
} row;

static const row rows[] = {
    {"nothing to draw", fill_up, 0, 40, 4, ""},
    {"no price is a number", fill_nothing, 10, 40, 4, ""},
    {"up", fill_up, 500, 40, 4,
     "                          ⣀⣀⡤⠤⠴⠒⠚⠉ ┤ 2.0\n"
     "                 ⣀⣀⡤⠤⠴⠒⠚⠉⠉⠁        │\n"
     "        ⣀⣀⡤⠤⠔⠒⠚⠉⠉                  │\n"
     "⣀⡤⠤⠖⠒⠚⠉⠉                           ┤ 1.0\n"
     "2017-04-19 09:00  2017-05-10 04:00\n"},
    {"a wave", fill_wave, 1000, 60, 6,
     "      ⢀⣠⠴⠒⠚⠉⠉⠉⠉⠙⠒⠲⢤⣀⡀                                 ┤ 2100\n"
     "   ⣠⠴⠚⠉             ⠉⠲⢤⣀                              │\n"
     "⣠⠔⠋⠁                   ⠈⠓⢦⣀                           │\n"
     "⠁                         ⠈⠓⢤⣀                    ⣠⠴⠋ │\n"
     "                             ⠈⠓⠦⣄⡀            ⢀⡠⠖⠋⠁   │\n"
     "                                 ⠉⠓⠦⠤⣄⣀⣀⣀⣀⡤⠤⠖⠋⠉       ┤ 1900\n"
     "2017-04-19 09:00                           2017-05-31\n"},
    {"flat", fill_flat, 100, 40, 3,
     "                                 ┤ 101.0\n"
     "⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤ │\n"
     "                                 ┤ 99.0\n"
     "2017-04-19 09:00 .. 2017-04-23 12:00\n"},
    {"fewer bars than dots", fill_up, 5, 40, 4,
     "                           ⢸⠉⠉⠉⠉⠉⠉ ┤ 1.8\n"
     "                    ⢸⠉⠉⠉⠉⠉⠉⠁       │\n"
     "       ⣀⣀⣀⣀⣀⣀⣀⠏⠉⠉⠉⠉⠉⠁              │\n"
     "⣀⣀⣀⣀⣀⣀⣀⠇                           ┤ 1.0\n"
     "2017-04-19 09:00  2017-04-19 13:00\n"},
    {"one bar", fill_up, 1, 40, 2,
     "                                  ┤ 1.01\n"
     "⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉ ┤ 0.99\n"
     "2017-04-19 09:00 2017-04-19 09:00\n"},
    {"one row", fill_wave, 100, 40, 1,
     "⠔⠒⠒⠒⠉⠉⠉⠉⠉⠉⠉⠉⠉⠒⠒⠒⠒⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⡠⠤⠤⠤ ┤ 2100\n"
     "2017-04-19 09:00 2017-04-23 12:00\n"},
    {"too narrow a terminal", fill_up, 100, 3, 2,
     "         ⣀⣀⣠⠤⠤⠖⠒⠚⠉ ┤ 2.0\n"
     "⣀⡠⠤⠤⠒⠒⠊⠉⠉          ┤ 1.0\n"
     "2017-04-19 09:00 .. 2017-04-23 12:00\n"},
    {"prices that are no numbers", fill_holes, 400, 40, 4,
     "                          ⣀⣀⡤⠤⠴⠒⠚⠉ ┤ 2.0\n"
     "                 ⣀⣀⡤⠤⠴⠒⠚⠉⠉⠁        │\n"
     "        ⣀⣀⡤⠤⠔⠒⠚⠉⠉                  │\n"
     "⣀⡤⠤⠔⠒⠚⠉⠉                           ┤ 1.0\n"
     "2017-04-19 09:00        2017-05-06\n"},
};

static char *draw(const row *one) {
  static int64_t times[BARS_MAX];
  static double prices[BARS_MAX];
  for (size_t i = 0; i < one->count; i++)
    times[i] = START_S + (int64_t)i * HOUR;
  one->fill(prices, one->count);
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  chart_draw(out, &(chart_series){times, prices, one->count}, one->columns, one->rows, false);
  fclose(out);
  return text;
}

static void check(void **state) {
  const row *one = *state;
  char *text = draw(one);
  assert_string_equal(text, one->want);
  free(text);
}

int main(void) {
  RUN_ROWS("chart_draw", rows, check);
}
