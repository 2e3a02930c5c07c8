// wrap: text folded at its words. Pure: writes into a stream.
#ifndef MILLRACE_CLI_TERMINAL_WRAP_H
#define MILLRACE_CLI_TERMINAL_WRAP_H

#include <stdio.h>

enum { WRAP_COLUMNS = 80 };  // of what is no terminal

// Writes `text` and ends the line. `used` columns of the first line are taken; where the next word
// would pass `columns` (0: none is too wide), a line that begins with `indent` spaces goes on.
// Newlines in `text` are kept. A word that is wider than a line stands alone and passes the edge.
void wrap_write(FILE *out, int columns, int indent, int used, const char *text);

// A row of two columns: `left` behind two spaces, `right` from column `indent` on, folded; on lines
// of its own where `left` is too wide.
void wrap_row(FILE *out, int columns, int indent, const char *left, const char *right);

#endif
