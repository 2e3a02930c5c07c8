// examine: what is odd in a series of bars: what cannot be, and what can and had better be looked
// at. It refuses nothing: a crash is a jump, too. Bars go through it in order, any number; it keeps
// the last few hundred returns. Plain data; any thread.
#ifndef MILLRACE_MARKET_EXAMINE_H
#define MILLRACE_MARKET_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "market/bar_columns.h"
#include "market/timeframe.h"

enum { EXAMINE_WINDOW = 256, EXAMINE_TEXT_MAX = 128 };

typedef enum bar_fault {
  BAR_IMPOSSIBLE = 1,  // not finite, high below low, open or close outside, volume below 0, or no
                       // later than the bar before
  BAR_NO_PRICE,        // a price of 0 or less, of what has none
  BAR_JUMP,            // the close, or the bar's high or low, is far from the close before
  BAR_REPEATED,        // a run of bars with one close
  BAR_NO_VOLUME,       // a run of bars without volume, in a series whose bars have one
  BAR_MISSING,         // days without a bar
} bar_fault;

typedef struct bar_finding {
  bar_fault fault;
  int64_t from_s, to_s;  // of what it is found: whole bars, or the time between two
  size_t bars;
  double value, bound;  // of a jump: the factor, and how far from 1 it may be; a price; days
} bar_finding;

// Zero it, and set the first three.
typedef struct bar_examiner {
  const timeframe *frame;
  bool may_be_negative;  // prices of 0 and less are right
  int missing_most;      // so many weekdays in a row may have no bar; 0: that is not looked at
  bool every_day;        // each day of the week counts as one
  bool has_last;
  int64_t last_s;
  double last_close;
  double returns[EXAMINE_WINDOW];  // |log|, a ring; and sorted
  double sorted[EXAMINE_WINDOW];
  size_t count, next;
  size_t same, flat,
      flat_most;  // bars in a row with this close; of those, in a row without a range
  int64_t same_from_s;
  size_t without_volume, volumes, known_volumes;  // the run; of the bars so far
  int64_t without_from_s;
} bar_examiner;

// How an instrument of that name (instrument.h) is examined.
bar_examiner bar_examiner_for(const char *name, const timeframe *frame);

// Takes bar number `i` of the columns, which come in order of time. Calls each() for what is found,
// a run once it is over.
void bar_examine(bar_examiner *own, const bar_columns *bars, size_t i,
                 void (*each)(void *arg, const bar_finding *finding), void *arg);

// Behind the last bar: a run that is still open.
void bar_examine_end(bar_examiner *own, void (*each)(void *arg, const bar_finding *finding),
                     void *arg);

// What was found in a whole series: how many of each fault, and the first.
typedef struct bar_findings {
  size_t count, of[BAR_MISSING + 1];
  bar_finding first;
} bar_findings;

// Takes one more; `arg` is the bar_findings, zero at the beginning.
void bar_findings_add(void *arg, const bar_finding *finding);

// "3 to be looked at: 2 jumps, 1 missing; the first is of 2024-01-02T00:00:00Z: ...".
void bar_findings_text(const bar_findings *own, char out[2 * EXAMINE_TEXT_MAX]);

// A word or two for a fault: "jump"; NULL where there is none of that number.
const char *bar_fault_name(bar_fault fault);

// "close 2.31 times that of the bar before, at most 1.1 is usual here".
void bar_finding_text(const bar_finding *finding, char out[EXAMINE_TEXT_MAX]);

#endif
