// row: a line of a table. On a terminal it is cut at the edge, with a mark, so that a table stays a
// table; elsewhere it is whole. One thread.
#ifndef MILLRACE_CLI_TERMINAL_ROW_H
#define MILLRACE_CLI_TERMINAL_ROW_H

#include <stdio.h>

// As print_text(); `format` has no line end, the row gets one. Cut where `out` is a terminal.
void row_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

// As row_print(), with `more` behind it, where that is not "": two spaces away, or on lines of its
// own, folded, where a terminal has no room.
void row_print_more(FILE *out, const char *more, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The same for any width: 0 is none.
void row_write(FILE *out, int columns, const char *more, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
