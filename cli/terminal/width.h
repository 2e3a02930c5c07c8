// width: the columns that text takes on a terminal. Pure; one thread.
#ifndef MILLRACE_CLI_TERMINAL_WIDTH_H
#define MILLRACE_CLI_TERMINAL_WIDTH_H

#include <stddef.h>

// Columns of UTF-8 text: two for wide characters, none for those that combine, as the C library's
// tables say, whatever the locale. What is no UTF-8 counts one a byte.
int width_of(const char *text);

// As width_of(), of text[0 .. size_bytes).
int width_of_bytes(const char *text, size_t size_bytes);

// The most bytes at the front of `text` that take at most `columns` columns: whole characters.
size_t width_cut(const char *text, int columns);

#endif
