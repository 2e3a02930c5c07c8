// judge: what a source's answer says of the interval that was asked for: which bars are right and
// whole, and what is known from now on. The ledger gets what came, not what was asked. Pure; any
// thread.
#ifndef MILLRACE_BACKEND_DATA_JUDGE_H
#define MILLRACE_BACKEND_DATA_JUDGE_H

#include "backend/store/store.h"
#include "market/bar_columns.h"
#include "market/interval.h"
#include "market/timeframe.h"

enum {
  JUDGE_TEXT_MAX = 160,      // bytes, with the NUL
  JUDGE_REFUSED_MAX = 64,    // intervals; more become one
  JUDGE_SETTLE_S = 15 * 60,  // how late a source may have a bar, beside the bar's own length
  JUDGE_FETCHED_S = 3600,    // how exactly it is known when what is STORED was fetched
  JUDGE_AGAIN_S = 3600,      // after which an empty answer is asked for again, the first time;
  JUDGE_AGAIN_MOST_S = 7 * 86400,  // it doubles up to this
};

typedef struct judge_answer {
  const timeframe *frame;
  interval asked;
  int64_t clock_s;           // the source's, when it answered or shortly before
  int64_t now_s;             // ours
  const char *empty_reason;  // quotes the source where it has nothing; "" elsewhere
  int tries;  // how often the same was answered before, of a part of the interval at least
  // Of what lies before the first bar: 0, STORED: there is nothing. Where an answer may have been
  // cut to its newest bars it is OPEN, which the first bar settles, or EMPTY, which is asked for
  // again.
  store_coverage_state before;
} judge_answer;

typedef struct judgement {
  size_t refused;                      // bars that cannot be
  char first_refused[JUDGE_TEXT_MAX];  // "2020-01-03T00:00:00Z: high 1 < open 2"
  size_t unfinished;                   // bars that were not whole yet
  bool empty;                          // the source has nothing of the interval
  char empty_reason[256];
  char reasons[JUDGE_REFUSED_MAX][JUDGE_TEXT_MAX];  // of the parts that are REFUSED
  store_coverage parts[2 * JUDGE_REFUSED_MAX + 3];  // what is known of all that was asked
  size_t part_count;                                // oldest first
} judgement;

// Judges every bar alone: keeps in `bars`, in order of time, those that are right and whole. Right:
// its time in the interval, on the grid, there once (the same bar again is left out in silence, two
// that contradict each other are both refused); prices finite; high >= open, close, low; low <=
// open, close; volume NaN (unknown) or >= 0. Whole: its end has passed by the source's clock.
//
// STORED is up to the last bar, and with it where a later one came or its end is a bar and
// JUDGE_SETTLE_S ago: what a source has late is not missed. Behind that it is OPEN. Where nothing
// came it is EMPTY as far as that is so long ago, and OPEN behind. A bar that was refused
// is REFUSED, with its own flaw as the reason; neighbours of one flaw are one part, with the first
// one's. The texts of `parts` are in `out`, which must stay where it is.
void judge(const judge_answer *answer, bar_columns *bars, judgement *out);

// When, by our clock, something is worth asking again that was answered the same way `tries` times
// before.
int64_t judge_again_s(int64_t now_s, int tries);

#endif
