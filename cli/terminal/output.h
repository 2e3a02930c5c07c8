// output: what goes to standard output: JSON's numbers, and whether somebody still reads it.
#ifndef MILLRACE_CLI_TERMINAL_OUTPUT_H
#define MILLRACE_CLI_TERMINAL_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "mesh/runtime/status.h"

#define OUTPUT_CLOSED "OUTPUT_CLOSED"  // a mesh_error's reason

// Writes a number so that it reads back equal; null where JSON has no number for it.
void output_number(FILE *out, double value);

// Hands on what was written so far. ABORTED, with the reason, once writing has failed;
// OUTPUT_CLOSED (mesh_error.reason) where nobody reads any more.
MESH_NODISCARD mesh_code output_flush(mesh_error *err);

// True if standard output is a terminal that can take a line back: not TERM=dumb.
bool output_redraws(void);

// True if what is drawn may be more than ASCII: the locale (LC_ALL, LC_CTYPE, LANG) is a UTF-8 one.
bool output_is_utf8(void);

// The terminal's size; 80 x 24 where there is none. $COLUMNS wins.
int output_columns(void);

// The columns of what `out` is; 0, which is no limit, where it is no terminal.
int output_columns_of(FILE *out);

// Its height, in the same way.
int output_rows(void);

#endif
