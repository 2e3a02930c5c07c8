// mesh_operation: a long piece of work with a name, a journal of durable events, watchers, and
// exactly one outcome.
//
//   RUNNING --cancel--> CANCELLING --> CANCELLED
//      |                    |
//      +---------+----------+
//                +--> SUCCEEDED, FAILED
//
// The work is a fiber of its own, not of the call that started it: it goes on while watchers come
// and go. An attached operation is cancelled when its last watcher has been away for its grace; a
// detached one is not. Durable events have sequence numbers 1, 2, 3... and are in the journal
// before a watcher sees them. Progress is mergeable: each watcher gets the newest one, when it is
// ready for it. One loop.
#ifndef MILLRACE_MESH_OPERATION_H
#define MILLRACE_MESH_OPERATION_H

#include "mesh/call.h"
#include "mesh/event.h"
#include "mesh/scope.h"
#include "millrace/v1/operation.pb-c.h"

typedef struct mesh_operations mesh_operations;
typedef struct mesh_operation mesh_operation;

enum { MESH_OPERATION_NAME_MAX = 64 };  // bytes, with the NUL

// What the journal keeps about an operation beside its events. Strings are borrowed.
typedef struct mesh_operation_record {
  const char *name, *kind, *title;
  const char *request_id;  // "" if none
  const char *work_key;    // the same work has the same key; "" if none
  Millrace__V1__OperationState state;
  bool detached;
  int64_t epoch, last_sequence;
  int64_t created_ns, updated_ns;  // since 1970
  mesh_view outcome;               // an encoded Outcome; empty until the end
} mesh_operation_record;

// Where operations are kept. Called in fibers; may suspend them, and so may the `each` functions
// that it calls in turn. What returns OK is durable.
typedef struct mesh_journal {
  void *self;
  // Adds an operation with its first event. ALREADY_EXISTS if the name or the request id is there.
  mesh_code (*create)(void *self, const mesh_operation_record *record, mesh_view event,
                      mesh_error *err);
  // Appends event number record->last_sequence and updates the record, in one transaction.
  mesh_code (*append)(void *self, const mesh_operation_record *record, mesh_view event,
                      mesh_error *err);
  // Calls each(arg, event) for the durable events after `after_sequence`, oldest first.
  mesh_code (*read)(void *self, const char *name, int64_t after_sequence,
                    void (*each)(void *arg, mesh_view event), void *arg, mesh_error *err);
  // Finds an operation by name, or, where `name` is NULL, by request id. NOT_FOUND. Calls each(arg,
  // record).
  mesh_code (*find)(void *self, const char *name, const char *request_id,
                    void (*each)(void *arg, const mesh_operation_record *record), void *arg,
                    mesh_error *err);
  // Calls each(arg, record) for operations of `kind` ("" all) in `state` (0 all), newest first, at
  // most `limit`.
  mesh_code (*list)(void *self, const char *kind, Millrace__V1__OperationState state, int limit,
                    void (*each)(void *arg, const mesh_operation_record *record), void *arg,
                    mesh_error *err);
} mesh_journal;

// The work: runs in a fiber, reports through `operation`, and fills `outcome`'s fields that it
// knows: the summary and result of `succeeded`, or, when it returns CANCELLED, the stops and what
// was kept. It stops soon after its scope is cancelled. What `outcome` points to must stay valid
// until on_end(arg), which is called last.
typedef struct mesh_work {
  mesh_code (*run)(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                   Millrace__V1__Cancelled *cancelled, mesh_error *err);
  void (*on_end)(void *arg);
  void *arg;
} mesh_work;

typedef struct mesh_start {
  const char *kind;        // "load"
  const char *title;       // for people
  const char *request_id;  // "" or NULL: none
  const char *work_key;    // "" or NULL: none; a running operation with the same key is joined
  bool detached;
  int64_t grace_ms;
} mesh_start;

// Creates the registry of a loop's running operations. `layer` is who runs them, such as
// "data-manager"; both pointers are borrowed.
mesh_operations *mesh_operations_create(mesh_loop *loop, const char *layer,
                                        const mesh_journal *journal);

// Cancels what runs, waits until all of it has ended, frees. In a fiber of the loop.
void mesh_operations_stop(mesh_operations *operations);
void mesh_operations_destroy(mesh_operations *operations);

// Ends, as FAILED with `why`, every operation that the journal still has as running: its program
// died. In a fiber, once, before the first start. Returns how many in *count (may be NULL).
MESH_NODISCARD mesh_code mesh_operations_bury(mesh_operations *operations, const char *why,
                                              int *count, mesh_error *err);

// Starts an operation, or joins the one with the same request id or the same work (then *joined is
// true and `work` is not taken: the caller still owns its arg). *name is valid until the fiber next
// waits: copy it. Once started, `work` runs whatever becomes of the caller; if nobody watches
// within the grace, an attached one ends.
MESH_NODISCARD mesh_code mesh_operation_start(mesh_operations *operations, const mesh_start *start,
                                              const mesh_work *work,
                                              char name[MESH_OPERATION_NAME_MAX], bool *joined,
                                              mesh_error *err);

// Streams the events of `name` after `after_sequence` to `call`: history, then live, until the
// outcome was sent (OK), or the caller went away. `counts` says that an attached operation lives as
// long as watchers like this one.
mesh_code mesh_operation_watch(mesh_operations *operations, const char *name,
                               int64_t after_sequence, bool counts, mesh_call *call,
                               mesh_error *err);

// Asks `name` to stop and says who asks. OK too if it has ended or was asked before. NOT_FOUND.
mesh_code mesh_operation_cancel(mesh_operations *operations, const char *name,
                                const char *requested_by, mesh_error *err);

// A running operation's record and newest progress (an encoded Progress; empty if none), borrowed
// until the fiber next waits. False if `name` does not run here: ask the journal.
bool mesh_operation_peek(mesh_operations *operations, const char *name,
                         mesh_operation_record *record, mesh_view *progress);

// ---- For the work itself ----

const char *mesh_operation_name(const mesh_operation *operation);

// Cancelled when the operation is asked to stop. Work belongs below it.
mesh_scope *mesh_operation_scope(mesh_operation *operation);

// Replaces the newest progress. Watchers get it when they are ready. Cheap; never waits.
void mesh_operation_progress(mesh_operation *operation, const Millrace__V1__Progress *progress);

// A durable event whose journal entry is committed by the caller, together with its own data: begin
// encodes it and reserves its number (another begin waits); the caller commits `record` and
// `event`; publish shows it to the watchers, abandon gives the number back. `record` and `event`
// are valid until then.
typedef struct mesh_entry {
  mesh_operation_record record;
  mesh_view event;
} mesh_entry;
MESH_NODISCARD mesh_code mesh_operation_begin(mesh_operation *operation, uint32_t payload,
                                              mesh_view body, mesh_entry *entry, mesh_error *err);
void mesh_operation_publish(mesh_operation *operation, const mesh_entry *entry);
void mesh_operation_abandon(mesh_operation *operation, const mesh_entry *entry);

// begin, append to the journal, publish.
MESH_NODISCARD mesh_code mesh_operation_report(mesh_operation *operation, uint32_t payload,
                                               mesh_view body, mesh_error *err);

#endif
