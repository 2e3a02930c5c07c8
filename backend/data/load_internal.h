// The inside of a load, for the load*.c files. Not for others.
#ifndef MILLRACE_BACKEND_DATA_LOAD_INTERNAL_H
#define MILLRACE_BACKEND_DATA_LOAD_INTERNAL_H

#include "backend/data/choice.h"
#include "backend/data/fetch.h"
#include "backend/data/judge.h"
#include "backend/data/load.h"
#include "backend/data/patience.h"
#include "market/bar_columns.h"
#include "market/interval.h"
#include "market/timeframe.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "requests/take.h"

enum { LOAD_TEXT_MAX = 256, LOAD_NAMES_MAX = 64 };

// Where every series begins to be known: coverage from here to the source's first bar is EMPTY.
#define LOAD_BEGINNING INT64_C(-2208988800)  // 1900-01-01

// An interval that was answered in vain so often: it is asked again.
typedef struct load_vain {
  interval at;
  int tries;
} load_vain;

typedef struct load load;

// What load_again() knows of one piece: a segment, or the question for the first bar.
typedef struct load_piece {
  load *own;
  bool may_be_put_off;  // it is asked for again after all others
  int failures;         // attempts that count
  int doubts;           // answers that were not believed
  int64_t doubted_until_ns;
} load_piece;

struct load {
  data_manager *manager;
  mesh_operation *operation;
  Millrace__V1__LoadRequest *request;  // owned
  char symbol[REQUEST_SYMBOL_MAX + 1], title[160], work_key[300];
  const timeframe *timeframe;
  char source[SERIES_SOURCE_MAX];  // whose series it is
  bool is_guess;         // no gateway was there: it is the only one of which something is stored
  series_choice series;  // that it loads: `source` is as above
  int64_t con_id;        // the source's number for the instrument; 0: none is known
  bool has_from, has_to;
  int64_t from_s, to_s;
  Millrace__V1__LoadRequest__Mode mode;

  int64_t probed_s;       // when stored bars were last asked for again, or the first ones came
  bool looks_only;        // no bars are fetched: LOCAL, or a dry run
  bool disagrees;         // a segment's overlap is another bar now
  int64_t disputed_s;     // that bar
  bool probe_now;         // for that reason
  bool probe_failed;      // the last one
  bool ignores_overlap;   // the source contradicts itself: it is taken as it comes
  bool refresh;           // all bars are to be asked for again
  bool is_refreshing;     // `series` is the shadow that they come into
  load *next_refreshing;  // in the manager's list
  bool has_refreshed;     // it took the series' place, or is about to, of an adopted one
  int64_t bars_kept;      // by a refresh: the source said nothing of them
  int64_t bars_changed;   // stored ones of which the source said otherwise
  char first_changed[160];
  interval window;     // what is to be covered
  bool has_window;     // known from before an adoption
  intervals segments;  // what has to be fetched for that
  intervals answered;  // what it has fetched before an adoption
  load_vain *vain;     // owned
  size_t vain_count, vain_room;
  int before;  // segments that were done before an adoption
  int64_t started_ns;
  int done, stored, empty, requests;
  int64_t bars_stored, bars_refused, bars_in_window;
  char first_refused[160];
  intervals missing;
  char missing_reason[LOAD_TEXT_MAX];
  mesh_error last_failure;
  bool give_up;   // the source is away: ask for nothing more
  bool had_bars;  // the series had some before
  patience patience;
  size_t *doubted;  // owned: segments whose answer was not believed; room for all
  size_t doubted_count;

  char stopped[LOAD_NAMES_MAX][96];  // fetches that a cancel cut short
  int stopped_count;

  // What the outcome points to.
  char summary[LOAD_TEXT_MAX];
  Millrace__V1__LoadResult result;
  Millrace__V1__ChangedBars changed_message;
  Millrace__V1__LoadPlan plan_message;
  Millrace__V1__Interval window_message;
  Google__Protobuf__Timestamp window_times[2];
  Millrace__V1__Interval *missing_messages;
  Millrace__V1__Interval **missing_pointers;
  Google__Protobuf__Timestamp *missing_times;
  Millrace__V1__Stopped **stop_messages;  // owned, one for each answer of AwaitStopped
  size_t stop_message_count;
  Millrace__V1__LayerStop **stops;  // all of them, by time
  size_t stop_count;
};

// Fetches, validates and stores segment number `index`. OK too if it failed in a way that leaves a
// gap; another code ends the load.
mesh_code load_segment(mesh_scope *scope, size_t index, void *arg, mesh_error *err);

// Finds own->source, unless it is known: what the request says, the gateway that is there, or (with
// none) that of the only series that is stored, as a guess. Else waits for a gateway.
MESH_NODISCARD mesh_code load_find_source(load *own, mesh_error *err);

// Waits for a gateway: own->source is its.
MESH_NODISCARD mesh_code load_await_source(load *own, mesh_error *err);

// Finds own->series, of own->source: which instrument own->symbol is there, by the store or else by
// the gateway, and what its bars are made of. FAILED_PRECONDITION (AMBIGUOUS) lists the choices
// where several fit.
MESH_NODISCARD mesh_code load_find_instrument(load *own, mesh_error *err);

// FAILED_PRECONDITION if an answer is of another source.
MESH_NODISCARD mesh_code load_check_source(const load *own, const char *said, mesh_error *err);

// The series that it loads; borrowed from it.
static inline series_key load_key(const load *own) {
  return series_choice_key(&own->series, own->timeframe->text);
}

// The same for the layers below.
static inline fetch_series load_fetches(const load *own) {
  return (fetch_series){own->series.symbol, own->con_id, own->series.prices, own->series.session};
}

// The same for number `index` of those that were put off: now it is waited for.
mesh_code load_doubted(mesh_scope *scope, size_t index, void *arg, mesh_error *err);

// The source said that it has nothing when it was cut off from its data.
bool load_is_doubt(const mesh_error *err);

// fetch_again of a load_piece: an outage is waited for; each failed attempt is in the history.
mesh_code load_again(void *piece, mesh_scope *scope, const char *name, int attempt,
                     mesh_error *err);

// Plans own->window and own->segments: what of the window is not known yet.
MESH_NODISCARD mesh_code load_plan(load *own, mesh_error *err);

// For LOCAL: the series that is stored, and what of the window is not known as own->missing.
// NOT_FOUND if nothing is.
MESH_NODISCARD mesh_code load_local(load *own, mesh_error *err);

// For a dry run: own->plan_message instead of own->segments.
MESH_NODISCARD mesh_code load_dry_run(load *own, mesh_error *err);

// Fetches own->segments.
MESH_NODISCARD mesh_code load_fetch_all(load *own, mesh_error *err);

// The last bar that is stored before a segment.
typedef struct load_overlap {
  bool there;
  int64_t time_s;
  double open, high, low, close;
  bool told;  // the answer had it, or another one before the segment
} load_overlap;

// Finds it, if it is near enough to be asked for with the segment.
void load_find_overlap(load *own, interval asked, load_overlap *out);

// Takes it, and all before the segment, out of an answer. False if it is another bar there.
bool load_take_overlap(load_overlap *overlap, interval asked, bar_columns *bars);

// Whether two prices are two, not one that was written twice.
bool load_prices_differ(double a, double b);

// Once a day, where there is something to fetch: asks for the last settled bars that had been
// fetched before the last probe again (where there are none, of those that were fetched first);
// after a dispute, for those up to the disputed one. One that is corrected is replaced; where all,
// or the older ones among them, have become quite others, or prices are adjusted, the series is to
// be refreshed. What was said otherwise is noted in the store.
MESH_NODISCARD mesh_code load_probe(load *own, mesh_error *err);

// Whether load_probe() would ask.
bool load_probe_is_due(const load *own);

// Asks for bars of the shadow again, of those that came first. *same: the source says what it said.
// Not so where it cannot be asked, or says nothing of them; OK all the same.
MESH_NODISCARD mesh_code load_probe_shadow(load *own, bool *same, mesh_error *err);

// Adds to `out` the segments that a refresh would ask for; none where none is to be. *probes: the
// requests beside these.
MESH_NODISCARD mesh_code load_plan_refresh(load *own, intervals *out, int *probes, mesh_error *err);

// Notes in the store that the series is to be refreshed: until it is, each load goes on with that.
MESH_NODISCARD mesh_code load_begin_refresh(load *own, const char *reason, mesh_error *err);

// Before the shadow takes the series' place: stored bars of which the source said nothing, or what
// cannot be, are kept in it, where what both have next to them is the same; where it is not, and it
// said nothing of some, FAILED_PRECONDITION (MISSING_AT_SOURCE) says so, and the series stays as it
// is, unless the request drops them.
MESH_NODISCARD mesh_code load_settle_lacking(load *own, mesh_error *err);

// Behind other loads of the series that do so: probes it; where it is to be refreshed, asks for all
// that was ever asked for again, into its shadow, which then takes its place, and plans anew. Where
// a segment fails the shadow stays, and own->give_up is set: what is new must not be mixed with
// what is old.
MESH_NODISCARD mesh_code load_look_again(load *own, mesh_error *err);

// After a segment that disagrees: probes now, refreshes where that is due, and plans anew.
MESH_NODISCARD mesh_code load_settle_dispute(load *own, mesh_error *err);

// Takes over what an adopted load did before: its counts, and the window where that is kept.
MESH_NODISCARD mesh_code load_recall(load *own, mesh_error *err);

// Keeps the window for an adoption, where it could not be found again.
MESH_NODISCARD mesh_code load_keep_window(load *own, mesh_error *err);

// Shows how far the load is; `note` may be NULL.
void load_progress(load *own, const char *note);

// Finds out, from the layers below, that the work of every fetch in own->stopped has stopped, and
// fills own->stops.
void load_await_stopped(load *own);

// Fills own->result and own->summary for the outcome.
void load_fill_result(load *own);

// Commits a segment: its bars (may be NULL), what is known of it and the event that reports it.
mesh_code load_commit(load *own, const store_ledger *ledger, const bar_columns *bars,
                      const Millrace__V1__SegmentReport *report, mesh_error *err);

#endif
