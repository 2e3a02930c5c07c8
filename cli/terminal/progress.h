// progress: the live line of a running operation. Pure: text out of numbers.
#ifndef MILLRACE_CLI_TERMINAL_PROGRESS_H
#define MILLRACE_CLI_TERMINAL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_LINE_MAX = 1024 };  // bytes, with the NUL

typedef struct progress_state {
  const char *title;    // "EURUSD 1h"
  int64_t done, total;  // in `unit`s; total 0: unknown
  const char *unit;
  double rate;   // bars a second; 0: unknown
  double eta_s;  // negative: unknown
  const char *note;
  int64_t bars;
} progress_state;

// Writes one line of at most `columns` columns: title, bar, share, bars, done/total, rate, ETA,
// note. What does not fit is left out from the right. UTF-8; a note's own bytes are cut at a
// character's start.
void progress_format(const progress_state *state, int columns, char out[PROGRESS_LINE_MAX]);

#endif
