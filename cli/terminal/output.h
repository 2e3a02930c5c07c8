// output: what goes to standard output: JSON's numbers, and whether somebody still reads it.
#ifndef MILLRACE_CLI_TERMINAL_OUTPUT_H
#define MILLRACE_CLI_TERMINAL_OUTPUT_H

#include <stdio.h>

#include "mesh/runtime/status.h"

// Writes a number so that it reads back equal; null where JSON has no number for it.
void output_number(FILE *out, double value);

// Hands on what was written so far. ABORTED, with the reason, once writing has failed.
MESH_NODISCARD mesh_code output_flush(mesh_error *err);

// The terminal's size; 80 x 24 where there is none. $COLUMNS wins.
int output_columns(void);
int output_rows(void);

#endif
