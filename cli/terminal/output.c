#include "cli/terminal/output.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/terminal/numbers.h"

void output_number(FILE *out, double value) {
  char text[NUMBERS_TEXT_MAX];
  if (!isfinite(value)) {
    fputs("null", out);
    return;
  }
  numbers_shortest(value, text);
  fputs(text, out);
}

mesh_code output_flush(mesh_error *err) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_ABORTED, "standard output: %s", strerror(errno));
}

static int terminal_size(bool columns, int otherwise) {
  struct winsize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return otherwise;
  int value = columns ? size.ws_col : size.ws_row;
  return value > 0 ? value : otherwise;
}

int output_columns(void) {
  const char *given = getenv("COLUMNS");
  int columns = given != NULL ? atoi(given) : 0;
  return columns > 0 ? columns : terminal_size(true, 80);
}

int output_rows(void) {
  return terminal_size(false, 24);
}
