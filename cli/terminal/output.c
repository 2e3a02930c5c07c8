#include "cli/terminal/output.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
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
  static int failed;  // the first errno: a stream that has failed once does not say why again
  if (failed == 0 && (fflush(stdout) != 0 || ferror(stdout))) failed = errno != 0 ? errno : EIO;
  if (failed == 0) return GRPC_STATUS_OK;
  mesh_fail(err, GRPC_STATUS_ABORTED, "standard output: %s", strerror(failed));
  if (failed == EPIPE) mesh_error_set_reason(err, OUTPUT_CLOSED, "cli.millrace");
  return GRPC_STATUS_ABORTED;
}

bool output_redraws(void) {
  const char *term = getenv("TERM");
  return isatty(STDOUT_FILENO) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

bool output_is_utf8(void) {
  static const char *codeset;
  if (codeset == NULL) {
    setlocale(LC_CTYPE, "");
    codeset = nl_langinfo(CODESET);
  }
  return strcmp(codeset, "UTF-8") == 0;
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

int output_columns_of(FILE *out) {
  return isatty(fileno(out)) ? output_columns() : 0;
}

int output_rows(void) {
  return terminal_size(false, 24);
}
