#include "cli/terminal/csv.h"

#include <math.h>
#include <string.h>

#include "cli/terminal/numbers.h"
#include "market/times.h"

enum { VALUES = 5 };

void csv_write_header(FILE *out) {
  fputs("time_utc,open,high,low,close,volume\n", out);
}

void csv_write_bar(FILE *out, int64_t time_s, const double values[VALUES]) {
  char line[TIMES_TEXT_MAX + VALUES * (NUMBERS_TEXT_MAX + 1) + 1];
  times_format(time_s, line);
  size_t size = strlen(line);
  for (int i = 0; i < VALUES; i++) {
    line[size++] = ',';
    if (!isnan(values[i])) size += numbers_shortest(values[i], line + size);
  }
  line[size++] = '\n';
  fwrite(line, 1, size, out);
}
