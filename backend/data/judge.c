#include "backend/data/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/times.h"
#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"

// Why a bar is refused: a text with up to two numbers; text NULL if it is right.
typedef struct flaw {
  const char *text;
  double left, right;
} flaw;

static flaw find_time_flaw(int64_t time_s, const judge_answer *answer) {
  if (time_s < answer->asked.from_s || time_s >= answer->asked.to_s) {
    return (flaw){"outside the request", 0, 0};
  }
  if (!timeframe_on_grid(answer->frame, time_s)) {
    return (flaw){"off the grid of its timeframe", 0, 0};
  }
  return (flaw){0};
}

static flaw find_price_flaw(const bar_columns *bars, size_t i) {
  double open = bars->open[i], high = bars->high[i], low = bars->low[i], close = bars->close[i];
  double volume = bars->volume[i];
  if (!isfinite(open) || !isfinite(high) || !isfinite(low) || !isfinite(close)) {
    return (flaw){"a price is not finite", 0, 0};
  }
  if (high < low) return (flaw){"high %.17g < low %.17g", high, low};
  if (high < open) return (flaw){"high %.17g < open %.17g", high, open};
  if (high < close) return (flaw){"high %.17g < close %.17g", high, close};
  if (low > open) return (flaw){"low %.17g > open %.17g", low, open};
  if (low > close) return (flaw){"low %.17g > close %.17g", low, close};
  if (volume < 0 || isinf(volume)) return (flaw){"volume %.17g", volume, 0};
  return (flaw){0};
}

static void name_flaw(int64_t time_s, flaw found, char out[JUDGE_TEXT_MAX]) {
  char time_text[TIMES_TEXT_MAX], what[JUDGE_TEXT_MAX - TIMES_TEXT_MAX];
  times_format(time_s, time_text);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(what, sizeof what, found.text, found.left, found.right);  // one of the texts above
#pragma GCC diagnostic pop
  mesh_text_format(out, JUDGE_TEXT_MAX, "%.*s: %.*s", MESH_TEXT_SHOWN(time_text, 31),
                   MESH_TEXT_SHOWN(what, 120));
}

// ---- order ----

static void move_bar(bar_columns *to, size_t at, const bar_columns *from, size_t i) {
  to->times[at] = from->times[i];
  to->open[at] = from->open[i];
  to->high[at] = from->high[i];
  to->low[at] = from->low[i];
  to->close[at] = from->close[i];
  to->volume[at] = from->volume[i];
}

typedef struct place {
  int64_t time_s;
  size_t index;
} place;

static int compare_places(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->time_s != y->time_s) return x->time_s < y->time_s ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static bool are_in_order(const bar_columns *bars) {
  for (size_t i = 1; i < bars->count; i++) {
    if (bars->times[i] < bars->times[i - 1]) return false;
  }
  return true;
}

static void sort_bars(bar_columns *bars) {
  if (are_in_order(bars)) return;
  place *places = malloc(bars->count * sizeof *places);
  if (places == NULL) abort();
  for (size_t i = 0; i < bars->count; i++)
    places[i] = (place){bars->times[i], i};
  qsort(places, bars->count, sizeof *places, compare_places);
  bar_columns sorted = {0};
  bar_columns_reserve(&sorted, bars->count);
  for (size_t i = 0; i < bars->count; i++)
    move_bar(&sorted, i, bars, places[i].index);
  sorted.count = bars->count;
  free(places);
  bar_columns_clear(bars);
  *bars = sorted;
}

// ---- bars ----

static bool same_number(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

static bool same_bar(const bar_columns *bars, size_t a, size_t b) {
  return same_number(bars->open[a], bars->open[b]) && same_number(bars->high[a], bars->high[b]) &&
         same_number(bars->low[a], bars->low[b]) && same_number(bars->close[a], bars->close[b]) &&
         same_number(bars->volume[a], bars->volume[b]);
}

// How many bars have the time of bar i, and whether all of them are the same.
static size_t count_alike(const bar_columns *bars, size_t i, bool *same) {
  size_t count = 1;
  *same = true;
  for (; i + count < bars->count && bars->times[i + count] == bars->times[i]; count++)
    *same = *same && same_bar(bars, i, i + count);
  return count;
}

typedef struct sitting {
  const judge_answer *answer;
  judgement *out;
  interval refused[JUDGE_REFUSED_MAX];  // of bars in the interval that cannot be
  const char *flaws[JUDGE_REFUSED_MAX];
  size_t refused_count;
  int64_t first_s, last_s;  // the times of the bars that are whole, right or not
  bool has_last;
  int64_t unfinished_s;  // the first bar's that is not; or the end of the interval
} sitting;

static void refuse(sitting *own, int64_t time_s, size_t bars, flaw found) {
  judgement *out = own->out;
  if (out->refused == 0) name_flaw(time_s, found, out->first_refused);
  out->refused += bars;
  interval asked = own->answer->asked;
  if (time_s < asked.from_s || time_s >= asked.to_s) return;
  int64_t to_s = timeframe_end(own->answer->frame, time_s);
  if (to_s > asked.to_s) to_s = asked.to_s;
  size_t count = own->refused_count;
  interval *last = count > 0 ? &own->refused[count - 1] : NULL;
  bool joins = last != NULL && last->to_s >= time_s && own->flaws[count - 1] == found.text;
  if (joins || count == JUDGE_REFUSED_MAX) {
    if (to_s > last->to_s) last->to_s = to_s;
    return;
  }
  if (last != NULL && last->to_s > time_s) last->to_s = time_s;
  name_flaw(time_s, found, out->reasons[count]);
  own->flaws[count] = found.text;
  own->refused[own->refused_count++] = (interval){time_s, to_s};
}

// Sorts out one time's bars; true if one of them is to be kept.
static bool is_right(sitting *own, const bar_columns *bars, size_t i, size_t alike, bool same) {
  int64_t time_s = bars->times[i];
  flaw found = find_time_flaw(time_s, own->answer);
  bool inside = time_s >= own->answer->asked.from_s && time_s < own->answer->asked.to_s;
  if (inside && timeframe_end(own->answer->frame, time_s) > own->answer->clock_s) {
    own->out->unfinished += alike;
    if (time_s < own->unfinished_s) own->unfinished_s = time_s;
    return false;
  }
  if (inside) {
    if (!own->has_last) own->first_s = time_s;
    own->last_s = time_s;
    own->has_last = true;
  }
  if (found.text == NULL) found = find_price_flaw(bars, i);
  if (found.text == NULL && !same) found = (flaw){"there twice, and not the same", 0, 0};
  if (found.text == NULL) return true;
  refuse(own, time_s, same ? 1 : alike, found);
  return false;
}

static void judge_bars(sitting *own, bar_columns *bars) {
  size_t kept = 0, alike;
  sort_bars(bars);
  for (size_t i = 0; i < bars->count; i += alike) {
    bool same;
    alike = count_alike(bars, i, &same);
    if (is_right(own, bars, i, alike, same)) move_bar(bars, kept++, bars, i);
  }
  bars->count = kept;
}

// ---- the ledger ----

int64_t judge_again_s(int64_t now_s, int tries) {
  int64_t wait_s = JUDGE_AGAIN_S;
  for (int i = 0; i < tries && wait_s < JUDGE_AGAIN_MOST_S; i++)
    wait_s *= 2;
  return mesh_time_add(now_s, wait_s < JUDGE_AGAIN_MOST_S ? wait_s : JUDGE_AGAIN_MOST_S);
}

// The next full hour: what is fetched within one is one stretch of the ledger, and no earlier.
static int64_t fetched_by(int64_t now_s) {
  return mesh_time_add(now_s - now_s % JUDGE_FETCHED_S, JUDGE_FETCHED_S);
}

static void add_part(sitting *own, int64_t from_s, int64_t to_s, store_coverage_state state,
                     const char *reason) {
  judgement *out = own->out;
  const judge_answer *answer = own->answer;
  if (from_s >= to_s) return;
  store_coverage *part = &out->parts[out->part_count++];
  *part = (store_coverage){.from_s = from_s, .to_s = to_s, .state = state, .reason = reason};
  part->asked_s = state == STORE_STORED ? fetched_by(answer->now_s) : answer->clock_s;
  if (state == STORE_EMPTY) {
    part->tries = answer->tries + 1;
    part->again_s = judge_again_s(answer->now_s, answer->tries);
  }
  if (state == STORE_REFUSED) {  // once at the next load; then it is the source's word
    part->tries = answer->tries + 1;
    if (answer->tries > 0) part->again_s = judge_again_s(answer->now_s, answer->tries - 1);
  }
}

// [from, to) is settled, but for what was refused in it.
static void add_settled(sitting *own, int64_t from_s, int64_t to_s) {
  for (size_t i = 0; i < own->refused_count; i++) {
    interval one = own->refused[i];
    add_part(own, from_s, one.from_s < to_s ? one.from_s : to_s, STORE_STORED, "");
    if (one.to_s > to_s) one.to_s = to_s;
    add_part(own, one.from_s, one.to_s, STORE_REFUSED, own->out->reasons[i]);
    if (one.to_s > from_s) from_s = one.to_s;
  }
  add_part(own, from_s, to_s, STORE_STORED, "");
}

// How far the answer settles what was asked, where bars came.
static int64_t find_settled(const sitting *own, int64_t calm_s) {
  const judge_answer *answer = own->answer;
  if (own->unfinished_s < answer->asked.to_s) return own->unfinished_s;  // a later bar has begun
  int64_t end_s = timeframe_end(answer->frame, own->last_s);
  int64_t to_s = end_s <= calm_s ? end_s : own->last_s;
  if (own->refused_count > 0 && to_s < own->refused[own->refused_count - 1].to_s) {
    to_s = own->refused[own->refused_count - 1].to_s;
  }
  return to_s < answer->asked.to_s ? to_s : answer->asked.to_s;
}

// Where it says what there is.
static int64_t find_beginning(const sitting *own) {
  bool all = own->answer->before == 0 || own->answer->before == STORE_STORED;
  if (all) return own->answer->asked.from_s;
  return own->has_last ? own->first_s : own->unfinished_s;
}

static void fill_ledger(sitting *own) {
  const judge_answer *answer = own->answer;
  interval asked = answer->asked;
  int64_t late_s = mesh_time_add(answer->frame->seconds, JUDGE_SETTLE_S);
  // What ended before is not late; whole bars, so that what is asked again is made of such.
  int64_t calm_s = timeframe_floor(answer->frame, mesh_time_add(answer->clock_s, -late_s));
  int64_t to_s = asked.from_s;
  if (own->has_last || own->unfinished_s < asked.to_s) {
    int64_t from_s = find_beginning(own);
    to_s = find_settled(own, calm_s);
    add_part(own, asked.from_s, from_s, answer->before, "the answer began later");
    add_settled(own, from_s, to_s);
  } else if (own->out->refused == 0 && calm_s > asked.from_s) {
    to_s = calm_s < asked.to_s ? calm_s : asked.to_s;
    add_part(own, asked.from_s, to_s, STORE_EMPTY, own->out->empty_reason);
  }
  add_part(own, to_s, asked.to_s, STORE_OPEN, "not confirmed by a later bar");
}

void judge(const judge_answer *answer, bar_columns *bars, judgement *out) {
  *out = (judgement){0};
  sitting own = {.answer = answer, .out = out, .unfinished_s = answer->asked.to_s};
  judge_bars(&own, bars);
  out->empty = bars->count == 0 && out->refused == 0 && out->unfinished == 0;
  mesh_text_copy(
      out->empty_reason, sizeof out->empty_reason,
      answer->empty_reason[0] != '\0' ? answer->empty_reason : "the source answered with no bars");
  fill_ledger(&own);
}
