// progress: the live line of a running operation. Pure: text out of numbers.
#ifndef MILLRACE_CLI_TERMINAL_PROGRESS_H
#define MILLRACE_CLI_TERMINAL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_LINE_MAX = 1024 };  // bytes, with the NUL

typedef struct progress_state {
  const char *title;    // "EURUSD 1h"
  int64_t done, total;  // in `unit`s; total 0: unknown
  const char *unit;
  double rate;      // units a second; 0: unknown
  double eta_s;     // negative: unknown
  const char *key;  // what counts most beside them: "epoch 3 of 10, loss 0.6931"; NULL: nothing
  const char *note;
  int64_t bars;
  bool no_bar;
  bool ascii;  // no other characters than ASCII's for what is drawn
} progress_state;

// Writes one line of at most `columns` columns: title, bar, percent, key, bars, done/total, rate,
// time left, note. Where there is no room for all: the note goes first, then the counts, then the
// title is shortened and the bar made small; percent, time left, key and rate go last, in this
// order from the end. What is text is UTF-8 without control characters, cut between characters.
void progress_format(const progress_state *state, int columns, char out[PROGRESS_LINE_MAX]);

#endif
