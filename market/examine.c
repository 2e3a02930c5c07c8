#include "market/examine.h"

#include <math.h>
#include <string.h>

#include "market/civil.h"
#include "market/instrument.h"
#include "market/times.h"
#include "mesh/runtime/text.h"

// A jump is a return beyond SIGMAS times the usual one, and beyond the least: of hourly EURUSD the
// farthest of 5,000 was 24 times the usual, of the daily S&P 500 from 1999 to 2020 19 times.
static const double SIGMAS = 50, LEAST_JUMP = 0.1, UNSURE_JUMP = 0.5;
static const double MAD_TO_SIGMA = 1.4826;  // of a normal distribution

enum {
  SURE = 30,  // returns from which the usual one is known
  FLAT_RUN = 10,
  SAME_RUN = 20,
  VOLUME_RUN = 3,
  FIRST_MONDAY = 4 * CIVIL_DAY,
};

bar_examiner bar_examiner_for(const char *name, const timeframe *frame) {
  static const struct {
    const char *kind;
    bool may_be_negative;
    int missing_most;
    bool every_day;
  } kinds[] = {
      {"CASH", false, 2, false}, {"CMDTY", false, 2, false},  {"CRYPTO", false, 1, true},
      {"FUT", true, 4, false},   {"CONTFUT", true, 4, false}, {"IND", true, 4, false},
  };
  bar_examiner own = {.frame = frame, .missing_most = 4};  // New York was closed so long in 2001
  instrument one;
  mesh_error ignored;
  bool known = instrument_parse(name, &one, &ignored) == GRPC_STATUS_OK;
  for (size_t i = 0; known && i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].kind, one.kind) != 0) continue;
    own.may_be_negative = kinds[i].may_be_negative;
    own.missing_most = kinds[i].missing_most;
    own.every_day = kinds[i].every_day;
  }
  if (frame->seconds > CIVIL_DAY) own.missing_most = 0;
  return own;
}

// ---- the usual return ----

static size_t place_of(const bar_examiner *own, double value) {
  size_t low = 0, high = own->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (own->sorted[middle] < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static void forget(bar_examiner *own, double value) {
  size_t at = place_of(own, value);
  own->count--;
  memmove(&own->sorted[at], &own->sorted[at + 1], (own->count - at) * sizeof *own->sorted);
}

static void remember(bar_examiner *own, double value) {
  if (own->count == EXAMINE_WINDOW) forget(own, own->returns[own->next]);
  size_t at = place_of(own, value);
  memmove(&own->sorted[at + 1], &own->sorted[at], (own->count - at) * sizeof *own->sorted);
  own->sorted[at] = value;
  own->count++;
  own->returns[own->next] = value;
  own->next = (own->next + 1) % EXAMINE_WINDOW;
}

// As a return: log of the factor.
static double find_bound(const bar_examiner *own) {
  if (own->count < SURE) return UNSURE_JUMP;
  return fmax(SIGMAS * MAD_TO_SIGMA * own->sorted[own->count / 2], LEAST_JUMP);
}

// ---- each fault ----

static bool is_impossible(const bar_examiner *own, const bar_columns *bars, size_t i) {
  double open = bars->open[i], high = bars->high[i], low = bars->low[i], close = bars->close[i];
  bool finite = isfinite(open) && isfinite(high) && isfinite(low) && isfinite(close);
  bool inside = high >= low && open <= high && open >= low && close <= high && close >= low;
  bool volume = isnan(bars->volume[i]) || (bars->volume[i] >= 0 && isfinite(bars->volume[i]));
  return !finite || !inside || !volume || (own->has_last && bars->times[i] <= own->last_s);
}

// The farthest of the bar from the close before, as a factor of it.
static double find_factor(const bar_examiner *own, const bar_columns *bars, size_t i) {
  double high = bars->high[i] / own->last_close, low = bars->low[i] / own->last_close;
  return fabs(log(high)) > fabs(log(low)) ? high : low;
}

static void look_at_jump(bar_examiner *own, const bar_columns *bars, size_t i, bar_finding found,
                         void (*each)(void *arg, const bar_finding *finding), void *arg) {
  bool can = own->has_last && own->last_close > 0 && bars->low[i] > 0;
  if (!can) return;
  double bound = find_bound(own), factor = find_factor(own, bars, i);
  if (fabs(log(factor)) > bound) {
    found.fault = BAR_JUMP;
    found.value = factor;
    found.bound = exp(bound);
    each(arg, &found);
  }
  remember(own, fabs(log(bars->close[i] / own->last_close)));
}

static void end_same(bar_examiner *own, void (*each)(void *arg, const bar_finding *finding),
                     void *arg) {
  bool odd = own->flat_most >= FLAT_RUN || own->same >= SAME_RUN;
  bar_finding found = {.fault = BAR_REPEATED,
                       .from_s = own->same_from_s,
                       .to_s = odd ? timeframe_end(own->frame, own->last_s) : 0,
                       .bars = own->same,
                       .value = own->last_close};
  if (odd) each(arg, &found);
  own->same = own->flat = own->flat_most = 0;
}

static void look_at_run(bar_examiner *own, const bar_columns *bars, size_t i,
                        void (*each)(void *arg, const bar_finding *finding), void *arg) {
  bool same = own->has_last && bars->close[i] == own->last_close;
  if (!same) end_same(own, each, arg);
  if (own->same == 0) own->same_from_s = bars->times[i];
  own->same++;
  own->flat = bars->high[i] == bars->low[i] ? own->flat + 1 : 0;
  if (own->flat > own->flat_most) own->flat_most = own->flat;
}

static void end_without_volume(bar_examiner *own, int64_t to_s,
                               void (*each)(void *arg, const bar_finding *finding), void *arg) {
  bar_finding found = {.fault = BAR_NO_VOLUME,
                       .from_s = own->without_from_s,
                       .to_s = to_s,
                       .bars = own->without_volume};
  if (own->without_volume >= VOLUME_RUN) each(arg, &found);
  own->without_volume = 0;
}

// A series has volumes where at least 19 of 20 of its bars have, so far.
static void look_at_volume(bar_examiner *own, const bar_columns *bars, size_t i,
                           void (*each)(void *arg, const bar_finding *finding), void *arg) {
  double volume = bars->volume[i];
  bool usual = own->known_volumes >= SURE && 20 * own->volumes >= 19 * own->known_volumes;
  if (volume == 0 && (usual || own->without_volume > 0)) {
    if (own->without_volume++ == 0) own->without_from_s = bars->times[i];
    return;  // a run is no part of what is usual
  }
  end_without_volume(own, bars->times[i], each, arg);
  if (isnan(volume)) return;
  own->known_volumes++;
  if (volume > 0) own->volumes++;
}

// Whole days between two bars; weekends do not count unless every day does.
static int count_days(const bar_examiner *own, int64_t from_s, int64_t to_s) {
  int count = 0;
  int64_t day = civil_floor(from_s, CIVIL_DAY) + CIVIL_DAY;
  if ((to_s - day) / CIVIL_DAY > 1000) return 1000;
  for (; day + CIVIL_DAY <= to_s; day += CIVIL_DAY) {
    int64_t in_week = (day - FIRST_MONDAY) % CIVIL_WEEK;
    if (in_week < 0) in_week += CIVIL_WEEK;
    if (own->every_day || in_week < (int64_t)5 * CIVIL_DAY) count++;
  }
  return count;
}

static void look_before(bar_examiner *own, int64_t time_s,
                        void (*each)(void *arg, const bar_finding *finding), void *arg) {
  if (!own->has_last || own->missing_most == 0) return;
  int days = count_days(own, own->last_s, time_s);
  bar_finding found = {.fault = BAR_MISSING,
                       .from_s = timeframe_end(own->frame, own->last_s),
                       .to_s = time_s,
                       .value = days,
                       .bound = own->missing_most};
  if (days > own->missing_most) each(arg, &found);
}

// ---- all ----

void bar_examine(bar_examiner *own, const bar_columns *bars, size_t i,
                 void (*each)(void *arg, const bar_finding *finding), void *arg) {
  bar_finding found = {
      .from_s = bars->times[i], .to_s = timeframe_end(own->frame, bars->times[i]), .bars = 1};
  if (is_impossible(own, bars, i)) {
    found.fault = BAR_IMPOSSIBLE;
    found.value = bars->close[i];
    each(arg, &found);
    return;  // says nothing of its neighbours
  }
  if (bars->low[i] <= 0 && !own->may_be_negative) {
    found.fault = BAR_NO_PRICE;
    found.value = bars->low[i];
    each(arg, &found);
  }
  look_before(own, bars->times[i], each, arg);
  look_at_run(own, bars, i, each, arg);
  look_at_volume(own, bars, i, each, arg);
  look_at_jump(own, bars, i, found, each, arg);
  own->has_last = true;
  own->last_s = bars->times[i];
  own->last_close = bars->close[i];
}

void bar_examine_end(bar_examiner *own, void (*each)(void *arg, const bar_finding *finding),
                     void *arg) {
  if (!own->has_last) return;
  end_same(own, each, arg);
  end_without_volume(own, timeframe_end(own->frame, own->last_s), each, arg);
}

void bar_finding_text(const bar_finding *finding, char out[EXAMINE_TEXT_MAX]) {
  switch (finding->fault) {
    case BAR_IMPOSSIBLE:
      mesh_text_format(out, EXAMINE_TEXT_MAX, "no bar can be so (close %.10g)", finding->value);
      return;
    case BAR_NO_PRICE:
      mesh_text_format(out, EXAMINE_TEXT_MAX, "a price of %.10g", finding->value);
      return;
    case BAR_JUMP:
      mesh_text_format(out, EXAMINE_TEXT_MAX,
                       "%.4g times the close before; up to %.4g times is usual here",
                       finding->value, finding->value > 1 ? finding->bound : 1 / finding->bound);
      return;
    case BAR_REPEATED:
      mesh_text_format(out, EXAMINE_TEXT_MAX, "%zu bars close at %.10g", finding->bars,
                       finding->value);
      return;
    case BAR_NO_VOLUME:
      mesh_text_format(out, EXAMINE_TEXT_MAX, "%zu bars without volume", finding->bars);
      return;
    case BAR_MISSING:
      mesh_text_format(out, EXAMINE_TEXT_MAX, "%.0f days without a bar; up to %.0f are usual",
                       finding->value, finding->bound);
      return;
  }
  mesh_text_copy(out, EXAMINE_TEXT_MAX, "");
}

const char *bar_fault_name(bar_fault fault) {
  static const char *const names[] = {
      [BAR_IMPOSSIBLE] = "impossible", [BAR_NO_PRICE] = "no price",   [BAR_JUMP] = "jump",
      [BAR_REPEATED] = "repeated",     [BAR_NO_VOLUME] = "no volume", [BAR_MISSING] = "missing",
  };
  size_t at = (size_t)fault;
  return at < sizeof names / sizeof *names ? names[at] : NULL;
}

// ---- of a whole series ----

void bar_findings_add(void *arg, const bar_finding *finding) {
  bar_findings *own = arg;
  if (own->count++ == 0 || finding->from_s < own->first.from_s) own->first = *finding;
  own->of[finding->fault]++;
}

void bar_findings_text(const bar_findings *own, char out[2 * EXAMINE_TEXT_MAX]) {
  static const char *const names[] = {
      [BAR_IMPOSSIBLE] = "impossible",
      [BAR_NO_PRICE] = "without a price",
      [BAR_JUMP] = "jumps",
      [BAR_REPEATED] = "repeated closes",
      [BAR_NO_VOLUME] = "without volume",
      [BAR_MISSING] = "stretches of missing days",
  };
  char first[EXAMINE_TEXT_MAX], time[TIMES_TEXT_MAX];
  mesh_text_format(out, 2 * EXAMINE_TEXT_MAX, "%zu to be looked at", own->count);
  const char *before = ": ";
  for (size_t i = BAR_IMPOSSIBLE; i <= BAR_MISSING; i++) {
    if (own->of[i] == 0) continue;
    mesh_text_append(out, 2 * EXAMINE_TEXT_MAX, "%s%zu %s", before, own->of[i], names[i]);
    before = ", ";
  }
  if (own->count == 0) return;
  bar_finding_text(&own->first, first);
  times_format(own->first.from_s, time);
  mesh_text_append(out, 2 * EXAMINE_TEXT_MAX, "; the first is of %s: %s", time, first);
}
