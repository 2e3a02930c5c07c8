// symbols: the instruments that a command is for: from its arguments, and from a file.
#ifndef MILLRACE_CLI_SYMBOLS_H
#define MILLRACE_CLI_SYMBOLS_H

#include <stddef.h>
#include <stdio.h>

#include "mesh/runtime/status.h"

enum { SYMBOLS_MOST = 5000 };

// Texts in their normal form (instrument.h), each once, in the order in which they came. Zero it;
// release it with symbols_clear().
typedef struct symbols {
  char **items;
  size_t count, room;
  size_t broken;  // lines of a file that were none
} symbols;

void symbols_clear(symbols *own);

// Adds what stands between the commas of `text`. INVALID_ARGUMENT names the one that is none;
// OUT_OF_RANGE: there are more than SYMBOLS_MOST.
MESH_NODISCARD mesh_code symbols_add(symbols *own, const char *text, mesh_error *err);

// Adds the first field of each line of a file ("-": standard input): up to a comma, a semicolon or
// a tab. Left out are empty lines, what is behind a #, and a first line that is the head of a table
// (symbol, ticker, instrument), a byte order mark before it. A line that is none, or has a NUL
// byte, is told on `complaints` by file and line, counted, and the rest goes on. NOT_FOUND,
// PERMISSION_DENIED, UNAVAILABLE: it cannot be read.
MESH_NODISCARD mesh_code symbols_read(symbols *own, const char *path, FILE *complaints,
                                      mesh_error *err);

#endif
