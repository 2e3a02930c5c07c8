// chart: a line of prices drawn with braille dots. Pure: draws into a stream.
#ifndef MILLRACE_CLI_TERMINAL_CHART_H
#define MILLRACE_CLI_TERMINAL_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CHART_COLUMNS_MIN = 24, CHART_COLUMNS_MAX = 400, CHART_ROWS_MAX = 60 };

// `count` prices, oldest first, with the times of their bars in seconds since 1970.
typedef struct chart_series {
  const int64_t *times;  // NULL: none are shown
  const double *prices;
  size_t count;
} chart_series;

// Draws `rows` lines of at most `columns` columns and a line with the first and the last time.
// Prices are labelled at the right. `ascii`: with ASCII's characters alone. Sizes are brought into
// the limits above. Nothing is drawn for an empty series; prices that are not finite are left out.
void chart_draw(FILE *out, const chart_series *series, int columns, int rows, bool ascii);

#endif
