#include "cli/terminal/csv.h"

#include <math.h>
#include <stdlib.h>

#include "tests/unit.h"

typedef struct row {
  const char *name;
  int64_t time_s;
  double values[5];
  const char *want;
} row;

static const row rows[] = {
    {"a day",
     946857600,
     {1469.25, 1478, 1438.359985, 1455.219971, 931800000},
     "2000-01-03T00:00:00Z,1469.25,1478,1438.359985,1455.219971,931800000\n"},
    {"no volume",
     1492592400,
     {1.07219, 1.07296, 1.07214, 1.07287, NAN},
     "2017-04-19T09:00:00Z,1.07219,1.07296,1.07214,1.07287,\n"},
    {"long numbers",
     -1,
     {-1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 0.1 + 0.2, 0},
     "1969-12-31T23:59:59Z,-1.7976931348623157e+308,-1.7976931348623157e+308,4.94065645841247e-324,"
     "0.30000000000000004,0\n"},
};

static void check(void **state) {
  const row *one = *state;
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  csv_write_bar(out, one->time_s, one->values);
  fclose(out);
  assert_string_equal(text, one->want);
  free(text);
}

int main(void) {
  RUN_ROWS("csv_write_bar", rows, check);
}
