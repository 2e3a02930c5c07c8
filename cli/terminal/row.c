#include "cli/terminal/row.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/width.h"
#include "cli/terminal/wrap.h"

enum { GAP = 2, MORE_INDENT = 4 };

// The row as it is shown, escaped; the caller frees it.
static char *format_row(const char *format, va_list arguments) {
  char *line;
  size_t size;
  FILE *text = open_memstream(&line, &size);
  if (text == NULL) abort();
  print_vtext(text, format, arguments);
  if (fclose(text) != 0) abort();
  return line;
}

static void write_cut(FILE *out, int columns, char *line) {
  const char *mark = output_is_utf8() ? "…" : "...";
  if (columns <= 0 || width_of(line) <= columns) {
    mark = "";
  } else {
    line[width_cut(line, columns - width_of(mark))] = '\0';
  }
  print_own(out, line);
  print_own(out, mark);
}

static void write_row(FILE *out, int columns, const char *more, const char *format,
                      va_list arguments) {
  char *line = format_row(format, arguments);
  int used = width_of(line) + GAP;
  write_cut(out, columns, line);
  free(line);
  if (more[0] != '\0' && (columns <= 0 || used + width_of(more) <= columns)) {
    print_text(out, "%*s%s\n", GAP, "", more);
    return;
  }
  print_own(out, "\n");
  if (more[0] == '\0') return;
  print_text(out, "%*s", MORE_INDENT, "");
  wrap_write(out, columns, MORE_INDENT, MORE_INDENT, more);
}

void row_write(FILE *out, int columns, const char *more, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_row(out, columns, more, format, arguments);
  va_end(arguments);
}

void row_print(FILE *out, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_row(out, output_columns_of(out), "", format, arguments);
  va_end(arguments);
}

void row_print_more(FILE *out, const char *more, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_row(out, output_columns_of(out), more, format, arguments);
  va_end(arguments);
}
