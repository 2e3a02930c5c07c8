// store: where bars, coverage, operations and their events are kept. One interface; SQLite behind
// it. Reading blocks: call it on a pool thread. Writes go to one thread of the store, which takes
// all that wait into one transaction (group commit): so many that wait cost one commit. Readers
// have a connection of their own, so that reading does not wait for a load. Any thread.
//
// One process owns the store: opening it takes it over. From then on every write of the process
// that had it is refused with ABORTED ("a newer process owns the store"), so that two backends on
// one store cannot both write, whatever either believes.
#ifndef MILLRACE_BACKEND_STORE_STORE_H
#define MILLRACE_BACKEND_STORE_STORE_H

#include "market/instrument.h"
#include "market/series_key.h"
#include "mesh/runtime/status.h"
#include "mesh/runtime/view.h"

typedef struct store store;

// The reason (mesh_error) of every write that is refused because a newer process owns the store.
#define STORE_TAKEN "STORE_TAKEN"

// A moment by the clocks of the machine: since 1970, and since boot number `boot` of it began.
typedef struct store_moment {
  int64_t wall_s, boot_s;
  char boot[40];  // "": unknown
} store_moment;

typedef struct store_options {
  bool synchronous_full;   // each commit survives a power loss, not only a crash of the program
  int64_t max_bytes;       // refuse to grow beyond this; 0: no limit but the disk
  int64_t busy_limit_ms;   // how long to wait for another process that holds it; 0: 10 minutes
  int64_t log_max_bytes;   // the write-ahead log is folded into the file when it is longer; while
                           // another process reads an old state it may be. 0: 64 MiB
  const char *old_source;  // of the series of a version that did not keep it; NULL: unknown
  void (*read_moment)(store_moment *out);  // NULL: the machine's clocks. Any thread.
} store_options;

// Opens the database file at `path`, making it if it is not there. `options` may be NULL. Beside it
// lies "PATH.id", which says that there is a store: with it, a database that is missing, empty or
// without its log is refused. Waits 5 s at most for another process that holds it.
// FAILED_PRECONDITION: it is not a millrace database, a newer one (names both versions), or another
// one than PATH.id says. DATA_LOSS: it, or a part of it, is damaged or missing. NOT_FOUND: no such
// directory. PERMISSION_DENIED, UNAVAILABLE (somebody else holds it), RESOURCE_EXHAUSTED (the disk
// is full). On OK the caller owns *out.
MESH_NODISCARD mesh_code store_open(const char *path, const store_options *options, store **out,
                                    mesh_error *err);

// Writes what waits, and closes. NULL is fine.
void store_close(store *store);

// The process leaves: from now on another process is waited for a second at most. A write that had
// to wait longer is refused as UNAVAILABLE.
void store_leave(store *store);

// ---- series ----

// Columns of `count` bars, oldest first. Times are bar starts in seconds since 1970. A volume may
// be NaN: unknown.
typedef struct store_bars {
  size_t count;
  const int64_t *times;
  const double *open, *high, *low, *close, *volume;
} store_bars;

typedef enum store_coverage_state {
  STORE_STORED = 1,   // settled: what the source has there is stored
  STORE_EMPTY = 2,    // the source said that it has nothing there
  STORE_FAILED = 3,   // asked in vain
  STORE_OPEN = 4,     // answered, and not confirmed yet: the source may have more
  STORE_REFUSED = 5,  // a bar came that cannot be
} store_coverage_state;

#define STORE_NEVER INT64_MAX

// What is known of an interval. Times in seconds since 1970.
typedef struct store_coverage {
  int64_t from_s, to_s;  // [from, to)
  store_coverage_state state;
  const char *reason;  // "" where there is none; valid during the callback
  int64_t asked_s;     // when it was answered, by the source's clock; STORED: by what full hour of
                       // ours it had been; 0: unknown
  int64_t again_s;     // EMPTY and REFUSED: when it is worth asking again, by ours; 0: any time;
                       // STORE_NEVER
  int tries;           // EMPTY and REFUSED: how often the answer was the same before
} store_coverage;

// The parts of an answered interval, oldest first, without overlap.
typedef struct store_ledger {
  const store_coverage *parts;
  size_t count;
} store_ledger;

typedef struct store_series {
  series_key key;                 // valid during the callback
  int64_t bars, first_s, last_s;  // the times of the first and last bar
  int64_t updated_ns;
  int64_t probed_s;  // when its source was last asked for stored bars again, or the first ones came
} store_series;

// An event for the journal, with the operation's new state. Strings and bytes are borrowed.
typedef struct store_event {
  const char *operation;
  int64_t epoch, sequence;  // sequence must be the last one + 1
  int32_t state;            // OperationState
  int64_t updated_ns;
  bool detached;
  const char *requested_by;  // as in store_operation
  int64_t source_epoch, source_sequence;
  mesh_view event;       // an encoded OperationEvent
  mesh_view checkpoint;  // an encoded Checkpoint; empty: as it was
  mesh_view outcome;     // an encoded Outcome; empty until the end
} store_event;

// A write in progress, in the caller's storage until on_done.
typedef struct store_write store_write;
struct store_write {
  void (*on_done)(
      store_write *write);  // on the store's thread, once the write is durable or refused
  void *arg;                // the caller's
  mesh_code code;           // what came of it
  mesh_error err;           // and why, unless OK
  // The store's own:
  mesh_code (*run)(store *store, store_write *write, mesh_error *err);
  union {
    struct {
      const struct store_operation *operation;
      mesh_view event;
    } create;
    const store_event *append;
    struct {
      const series_key *key;
      const store_ledger *ledger;
      const store_bars *bars;
      const store_event *event;
    } segment;
    struct {
      const char *name;
      int64_t events;  // how many went with it
    } remove;
  };
  store_write *next;
};

// Writes without waiting: write->on_done() tells. Set on_done first; what is pointed
// to must live until then. The blocking functions of these names do this and wait.
void store_start_segment(store *store, const series_key *key, const store_ledger *ledger,
                         const store_bars *bars, const store_event *event, store_write *write);
void store_start_create(store *store, const struct store_operation *operation, mesh_view event,
                        store_write *write);
void store_start_append(store *store, const store_event *event, store_write *write);
void store_start_remove(store *store, const char *name, store_write *write);
// A write of nothing: ABORTED (STORE_TAKEN) where another process owns the store.
void store_start_check(store *store, store_write *write);

// Stores the bars of one answered interval, what is known of it and the event that reports it (each
// may be NULL): all or nothing. Bars that are there already are replaced. RESOURCE_EXHAUSTED: the
// disk is full. ABORTED: as store_append_event().
MESH_NODISCARD mesh_code store_put_segment(store *store, const series_key *key,
                                           const store_ledger *ledger, const store_bars *bars,
                                           const store_event *event, mesh_error *err);

// Calls each() for the known intervals that overlap [from, to), oldest first; they do not overlap
// each other.
MESH_NODISCARD mesh_code store_read_coverage(
    store *store, const series_key *key, int64_t from_s, int64_t to_s,
    void (*each)(void *arg, const store_coverage *coverage), void *arg, mesh_error *err);

// Reads up to `capacity` bars with from <= time < to, oldest first, into the columns; *count says
// how many. To go on, ask again from the last time + 1. NOT_FOUND if there is no such series.
typedef struct store_columns {
  size_t capacity;
  int64_t *times;
  double *open, *high, *low, *close, *volume;
  int64_t *series;  // NULL, or the caller's number, 0 before its first page: ABORTED (REPLACED)
                    // where the series that has this key now is not the one of the pages before
} store_columns;
MESH_NODISCARD mesh_code store_read_bars(store *store, const series_key *key, int64_t from_s,
                                         int64_t to_s, const store_columns *columns, size_t *count,
                                         mesh_error *err);

// How many bars lie in [from, to), and the time of the first of the last `last` of them (from_s if
// there are fewer). NOT_FOUND if there is no such series.
MESH_NODISCARD mesh_code store_count_bars(store *store, const series_key *key, int64_t from_s,
                                          int64_t to_s, int64_t last, int64_t *count,
                                          int64_t *first_s, mesh_error *err);

// Calls each() for every stored series of `symbol` ("" all), by symbol, length of the timeframe and
// source, after the series of `after` (NULL: from the beginning), at most STORE_SERIES_PAGE of
// them.
enum { STORE_SERIES_PAGE = 512 };
MESH_NODISCARD mesh_code store_list_series(store *store, const char *symbol,
                                           const series_key *after,
                                           void (*each)(void *arg, const store_series *series),
                                           void *arg, mesh_error *err);

// Calls each() for every series of the key's instrument and timeframe of which something is known,
// bars or not, by source, prices and session: the key's own are not looked at. Its symbol is a
// name, or any text that was once found to be the instrument (store_name_instrument()).
MESH_NODISCARD mesh_code store_list_sources(store *store, const series_key *key,
                                            void (*each)(void *arg, const store_series *series),
                                            void *arg, mesh_error *err);

// ---- removing and replacing series ----

// Where the bars are gathered that are to take a series' place: a series whose source begins with
// this. No list has it.
#define STORE_SHADOW "~"

// Removes a series, and what is known of it. It is gone at once, for every reader; the bars go
// piece by piece, between other writes. *bars (may be NULL) says how many. NOT_FOUND.
MESH_NODISCARD mesh_code store_remove_series(store *store, const series_key *key, int64_t *bars,
                                             mesh_error *err);

// Whether an operation that has not ended uses a series whose instrument has these texts. On the
// store's thread, within a write: it must be short, and ask nobody. `operation` has name, kind and
// request alone.
typedef bool (*store_uses)(void *arg, const char *const *texts, size_t count,
                           const struct store_operation *operation);

// The same, and its shadow, and that one's, with it, unless an operation that has not ended uses
// it: FAILED_PRECONDITION (IN_USE) names that. Both in one write, behind every operation that was
// created before it and before every other one.
MESH_NODISCARD mesh_code store_remove_unused_series(store *store, const series_key *key,
                                                    store_uses uses, void *arg, int64_t *bars,
                                                    mesh_error *err);

// Gives `by` the key of a series, which goes as by store_remove_series(); all or nothing.
// NOT_FOUND: there is no `by`.
MESH_NODISCARD mesh_code store_replace_series(store *store, const series_key *by,
                                              const series_key *key, mesh_error *err);

// ---- what a source says of bars that are stored ----

typedef struct store_change {
  int64_t time_s, noticed_s;  // of the bar; since 1970, by our clock
  double was, is;             // its close; NaN: the source has the bar no more
} store_change;

// Notes that a source was asked at now_s for bars that are stored, and what it said otherwise
// (changes' own noticed_s are not looked at). NOT_FOUND if there is no such series.
MESH_NODISCARD mesh_code store_note_probe(store *store, const series_key *key, int64_t now_s,
                                          const store_change *changes, size_t count,
                                          mesh_error *err);

// Calls each() for the changes in [from, to) that were noted, oldest bar first, the last change of
// each. None if there is no such series.
MESH_NODISCARD mesh_code store_read_changes(store *store, const series_key *key, int64_t from_s,
                                            int64_t to_s,
                                            void (*each)(void *arg, const store_change *change),
                                            void *arg, mesh_error *err);

// ---- instruments ----

// What a source said that a text is. Borrowed, or valid during the callback.
typedef struct store_instrument {
  const char *source, *name;
  int64_t con_id;   // the source's number for it; 0: it is always found by its name
  mesh_view about;  // an encoded Contract
} store_instrument;

// Notes which instrument a text is at one->source, and writes the instrument's name into `out`: the
// one that it has already, by its number; else one->name, or `spare` where that is another's.
// ALREADY_EXISTS: so is `spare`.
MESH_NODISCARD mesh_code store_name_instrument(store *store, const char *text,
                                               const store_instrument *one, const char *spare,
                                               char out[INSTRUMENT_NAME_MAX], mesh_error *err);

// Writes the name that store_name_instrument() would give it into `out`, and notes nothing.
MESH_NODISCARD mesh_code store_foretell_name(store *store, const store_instrument *one,
                                             const char *spare, char out[INSTRUMENT_NAME_MAX],
                                             mesh_error *err);

// Calls each() for what a text is at a source. NOT_FOUND: that was never asked.
MESH_NODISCARD mesh_code store_find_instrument(store *store, const char *source, const char *text,
                                               void (*each)(void *arg,
                                                            const store_instrument *instrument),
                                               void *arg, mesh_error *err);

// ---- operations ----

// Strings and bytes are borrowed, or valid during the callback.
typedef struct store_operation {
  const char *name, *kind, *title;
  const char *request_id;  // "" if none; unique otherwise
  const char *work_key;
  const char *labels;        // a line "key=value\n" each, by key; "" if none
  mesh_view request;         // what the work can be made again from
  const char *requested_by;  // who asked it to stop; "" if nobody did
  int32_t state;
  bool detached;
  int64_t epoch, last_sequence, source_epoch, source_sequence, created_ns, updated_ns;
  mesh_view checkpoint, outcome;
} store_operation;

// Adds an operation with its first event. ALREADY_EXISTS: the name or the request id is taken.
MESH_NODISCARD mesh_code store_create_operation(store *store, const store_operation *operation,
                                                mesh_view event, mesh_error *err);

// Appends an event and changes the operation's state with it. ABORTED: the sequence is not the next
// one, or a newer epoch owns the operation. NOT_FOUND: there is no such operation.
MESH_NODISCARD mesh_code store_append_event(store *store, const store_event *event,
                                            mesh_error *err);

// Calls each() for the events after `after_sequence`, oldest first, at most `limit`, and no more
// than about 32 KiB (but one event at least). NOT_FOUND: no such operation. DATA_LOSS: one is
// missing, behind those that were passed on.
MESH_NODISCARD mesh_code store_read_events(
    store *store, const char *name, int64_t after_sequence, int limit,
    void (*each)(void *arg, int64_t sequence, mesh_view event), void *arg, mesh_error *err);

// Finds an operation by name, or by request id where `name` is NULL. NOT_FOUND.
MESH_NODISCARD mesh_code store_find_operation(
    store *store, const char *name, const char *request_id,
    void (*each)(void *arg, const store_operation *operation), void *arg, mesh_error *err);

// Which operations to list; zero is "all of them".
typedef struct store_filter {
  const char *kind;                        // "" or NULL: every kind
  const char *labels;                      // as in store_operation: each of these must be there
  int32_t state;                           // 0: every state
  int64_t created_from_ns, created_to_ns;  // [from, to); 0: no bound
  const char *after;         // the last name of the page before; "" or NULL: the first page
  int64_t after_created_ns;  // its time, so that it need not be there any more; 0: look it up
  bool whole;  // with request and checkpoint, which may be large; else these are empty
  int limit;   // at least 1
} store_filter;

// Calls each() for the operations of a filter, newest first, at most 256 of them and no more than
// about 256 KiB (but one at least): *more says that there may be others within the limit, after the
// last one. NOT_FOUND: there is no operation `after`.
MESH_NODISCARD mesh_code store_list_operations(store *store, const store_filter *filter,
                                               void (*each)(void *arg,
                                                            const store_operation *operation),
                                               void *arg, bool *more, mesh_error *err);

// Removes an operation that has ended (FAILED_PRECONDITION otherwise) and its events; *events (may
// be NULL) says how many. NOT_FOUND.
MESH_NODISCARD mesh_code store_remove_operation(store *store, const char *name, int64_t *events,
                                                mesh_error *err);

// Removes operations that ended more than `older_s` seconds ago, by the time that the store itself
// has seen pass (a jump of the wall clock ages nothing), and of the others that have ended all but
// the `keep` that ended last; 0: no such bound. A few at a time, so that it can be left off: *more
// says that there are more; *removed how many went.
MESH_NODISCARD mesh_code store_prune_operations(store *store, int64_t older_s, int64_t keep,
                                                int64_t *removed, bool *more, mesh_error *err);

// ---- models ----

// Strings and bytes are borrowed, or valid during the callback.
typedef struct store_model {
  const char *name;
  int32_t version;  // of the name: 1, 2, ...
  int64_t created_ns;
  const char *operation;  // that trained it
  const char *sha256;     // of its file
  mesh_view about;        // an encoded Model, without the version
} store_model;

// Adds a model as the next version of its name, which *version says; the version that the operation
// has made already, if it has (then nothing is added).
MESH_NODISCARD mesh_code store_add_model(store *store, const store_model *model, int32_t *version,
                                         mesh_error *err);

// Where a page of models begins: after this one, by time, name and version. Borrowed.
typedef struct store_model_place {
  int64_t created_ns;
  const char *name;
  int32_t version;
} store_model_place;

// Calls each() for the models called `name` ("" all), the newest first, after `after` (NULL: from
// the beginning), at most 64 of them and no more than about 1 MiB (but one at least): *more says
// that there may be others.
MESH_NODISCARD mesh_code store_list_models(store *store, const char *name,
                                           const store_model_place *after,
                                           void (*each)(void *arg, const store_model *model),
                                           void *arg, bool *more, mesh_error *err);

// Finds a model; version 0: the newest. NOT_FOUND.
MESH_NODISCARD mesh_code store_find_model(store *store, const char *name, int32_t version,
                                          void (*each)(void *arg, const store_model *model),
                                          void *arg, mesh_error *err);

// Removes a model; *file_unused says that no other model has its file. NOT_FOUND.
MESH_NODISCARD mesh_code store_remove_model(store *store, const char *name, int32_t version,
                                            bool *file_unused, mesh_error *err);

#endif
