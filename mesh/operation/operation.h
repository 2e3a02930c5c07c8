// mesh_operation: a long piece of work with a name, a journal of durable events, watchers, and
// exactly one outcome.
//
//               +------------------------> SUCCEEDED, FAILED
//               |                                ^
//   (new) --> RUNNING --cancel--> CANCELLING ----+--> CANCELLED
//               ^                     ^          (cooperative, or by force after the timeout)
//               |   a new process     |
//   (journal) --+---- adopts it ------+
//
// The work is a fiber of its own, not of the call that started it: it goes on while watchers come
// and go. An attached operation is cancelled when its last watcher has been away for its grace; a
// detached one is not. Durable events have sequence numbers 1, 2, 3... and are in the journal
// before a watcher sees them. Progress is mergeable: each watcher gets the newest one, when it is
// ready for it; a watcher costs at most 64 KiB, however slow it is. What a process leaves without
// an outcome, because it was drained or killed, the next one adopts from the journal, with a higher
// epoch. One loop.
#ifndef MILLRACE_MESH_OPERATION_OPERATION_H
#define MILLRACE_MESH_OPERATION_OPERATION_H

#include "mesh/operation/event.h"
#include "mesh/operation/journal.h"
#include "mesh/rpc/call.h"
#include "mesh/runtime/scope.h"

typedef struct mesh_operations mesh_operations;
typedef struct mesh_operation mesh_operation;

enum { MESH_OPERATION_NAME_MAX = 64 };  // bytes, with the NUL

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

// How an operation begins. Strings and bytes are borrowed; NULL and 0 mean none.
typedef struct mesh_start {
  const char *kind;      // "load"
  const char *title;     // for people
  const char *name;      // NULL: a new one is made from the kind
  const char *work_key;  // a running operation with the same key is joined
  mesh_view request;     // what a mesh_kind can make the work again from
  const ProtobufCMessageDescriptor
      *request_type;     // of `request`, to name what differs; NULL: bytes
  const char *resumes;   // the operation that it goes on from
  mesh_view checkpoint;  // where that one was: an encoded Checkpoint, this one's own from the start
  int64_t epoch;         // 0: 1
  bool is_part;          // of an operation that runs, and waits for it (mesh_admission_take_part)
  Millrace__V1__StartOptions *options;  // as the caller sent them; may be NULL
} mesh_start;

// How to make the work of an adopted operation again.
typedef struct mesh_kind {
  const char *name;  // "load"
  // Fills *start (its options count; its name does not) and *work from the request that the journal
  // kept; on OK the operation owns the work.
  mesh_code (*rebuild)(void *self, mesh_view request, mesh_start *start, mesh_work *work,
                       mesh_error *err);
  void *self;
} mesh_kind;

typedef struct mesh_operations_options {
  int64_t heartbeat_ms;       // a watcher hears something at least so often; 0: 15 s
  int64_t cancel_timeout_ms;  // where a start names none; 0: 10 s
  int64_t force_ms;           // how long work may take to return once it was forced; 0: 1 s
  int64_t running_most;       // new ones are refused while so many run; 0: any number
  int64_t starts_per_s;       // new ones are refused beyond that; 0: any number
  int64_t adopt_grace_ms;  // an adopted attached operation waits at least so long for its watchers;
                           // 0: 10 s
} mesh_operations_options;

// Creates the registry of a loop's running operations. `layer` is who runs them, such as
// "data-manager"; both pointers are borrowed. `options` may be NULL.
mesh_operations *mesh_operations_create(mesh_loop *loop, const char *layer,
                                        const mesh_journal *journal,
                                        const mesh_operations_options *options);

// Frees a registry that was drained and runs nothing any more (asserted). NULL is fine.
void mesh_operations_destroy(mesh_operations *operations);

// Adopts every operation that the journal has without an outcome: its process died, or was drained.
// A new epoch, a durable Adopted event with `reason`, and the work runs again from what was kept;
// one that was being cancelled ends as cancelled. What cannot go on (no such kind, no request) ends
// as FAILED with why. In a fiber, once, before the first start, and before anybody can ask for an
// operation; their work waits for mesh_operations_resume(). *adopted (may be NULL) counts them.
MESH_NODISCARD mesh_code mesh_operations_adopt(mesh_operations *operations, const mesh_kind *kinds,
                                               size_t kind_count, const char *reason, int *adopted,
                                               mesh_error *err);

// Lets the adopted work run: the layers below can be called.
void mesh_operations_resume(mesh_operations *operations);

// Leaves: no operation starts any more (UNAVAILABLE, DRAINING), each watcher gets a Drain event
// with its resume point and the end of its stream, work is interrupted without an outcome, so that
// the next process adopts it. Waits for all of that, until `deadline_ns`: false if something still
// runs then. In a fiber of the loop.
bool mesh_operations_drain(mesh_operations *operations, int64_t deadline_ns);

// Takes nothing new, and waits until each running operation has a watcher, or `deadline_ns`: for a
// host whose manager is being started again, so that a last checkpoint reaches it. Before a drain.
void mesh_operations_await_watchers(mesh_operations *operations, int64_t deadline_ns);

// Cancels what runs, waits until all of it has ended. For tests, and for hosts, whose journal ends
// with them.
void mesh_operations_stop(mesh_operations *operations);

// For an operation that has no outcome and does not run here: a process whose journal has been
// taken over may not have heard of it, since whoever has nothing to write is not told. It is now.
void mesh_operations_ask_for_owner(mesh_operations *operations);

// How many run here.
int mesh_operations_count(const mesh_operations *operations);

// Starts an operation, or joins the one with the same name, request id or work (then *joined says
// because of what, and `work` is not taken: the caller still owns its arg; NULL otherwise). Two
// starts at the same moment are one. ALREADY_EXISTS (ANOTHER_REQUEST): the name or the request id
// is that of another request; the message names the field that differs (mesh_same_request). Once
// started, `work` runs whatever becomes of the caller; if nobody watches within the grace, an
// attached one ends. INVALID_ARGUMENT names a bad label or number.
MESH_NODISCARD mesh_code mesh_operation_start(mesh_operations *operations, const mesh_start *start,
                                              const mesh_work *work,
                                              char name[MESH_OPERATION_NAME_MAX],
                                              const char **joined, mesh_error *err);

// How a watcher watches.
typedef struct mesh_watch {
  int64_t after_sequence;  // durable events up to this one are not sent
  bool counts;             // an attached operation lives as long as watchers like this one
  const char *joined;      // not NULL: the first event is Joined, because of this
} mesh_watch;

// Streams the events of `name` to `call`: history, then live, until the outcome was sent (OK), or
// the caller went away. A heartbeat where there is nothing else to say. UNAVAILABLE (DRAINING)
// after a Drain event: go on elsewhere.
mesh_code mesh_operation_watch(mesh_operations *operations, const char *name,
                               const mesh_watch *watch, mesh_call *call, mesh_error *err);

// Starts (or joins) and watches from the beginning: a service method in one line. Takes `work`.
mesh_code mesh_operation_serve(mesh_operations *operations, const mesh_start *start,
                               const mesh_work *work, mesh_call *call, mesh_error *err);

// Asks `name` to stop and says who asks: a durable CancelRequested. OK too if it was asked before.
// NOT_FOUND if it does not run here (any more).
mesh_code mesh_operation_cancel(mesh_operations *operations, const char *name,
                                const char *requested_by, mesh_error *err);

// FAILED_PRECONDITION (HELD) where `name` runs here and is not its caller's alone: it is detached,
// or more than one watcher keeps it. OK too where it is being cancelled already.
MESH_NODISCARD mesh_code mesh_operation_check_unheld(mesh_operations *operations, const char *name,
                                                     mesh_error *err);

// True if somebody else than the operation that it is a part of holds `name`, which runs here: a
// watcher keeps it, or a start has joined it for its work or its request id; of one that began in
// another process, as the journal says. True, too, where that cannot be read. May suspend.
bool mesh_operation_is_shared(mesh_operations *operations, const char *name);

// Waits until a cancel that was asked for is in the journal, so that no crash can lose it. The
// journal's error if it refuses it; the scope's code if that ends first.
MESH_NODISCARD mesh_code mesh_operation_await_cancel(mesh_operations *operations, const char *name,
                                                     mesh_scope *scope, mesh_error *err);

// Waits until `name` has ended, or does not run here: OK then. The scope's code if it ended first.
MESH_NODISCARD mesh_code mesh_operation_await(mesh_operations *operations, const char *name,
                                              mesh_scope *scope, mesh_error *err);

// A running operation's record and newest progress (an encoded Progress; empty if none), borrowed
// until the fiber next waits. False if `name` does not run here: ask the journal.
bool mesh_operation_peek(mesh_operations *operations, const char *name,
                         mesh_operation_record *record, mesh_view *progress, int *watchers);

// True if the table of the drawing above has an arrow from one to the other.
// OPERATION_STATE_UNSPECIFIED is "(new)".
bool mesh_operation_may_enter(Millrace__V1__OperationState from, Millrace__V1__OperationState to);

// ---- For the work itself ----

// "load-4t7kq2ma"; valid as long as the operation.
const char *mesh_operation_name(const mesh_operation *operation);

// When it began, in nanoseconds since 1970: adopted operations began before this process.
int64_t mesh_operation_created_ns(const mesh_operation *operation);

// Cancelled when the operation is asked to stop (CANCELLED), at its deadline (DEADLINE_EXCEEDED),
// or when this process leaves (UNAVAILABLE: what is done elsewhere goes on). Work belongs below it.
mesh_scope *mesh_operation_scope(mesh_operation *operation);

// For what has to be done after that: stopping what runs below, and hearing that it has stopped.
// Cancelled by force, when the cancel timeout is over.
mesh_scope *mesh_operation_stop_scope(mesh_operation *operation);

// Who asked for the end; "" if nobody did.
const char *mesh_operation_requested_by(const mesh_operation *operation);

// How long what runs below may take to stop, in milliseconds.
int64_t mesh_operation_cancel_timeout_ms(const mesh_operation *operation);

// The record as the journal has it: the checkpoint and the host's last event, for work that goes on
// elsewhere. Borrowed until the fiber next waits.
mesh_operation_record mesh_operation_record_of(const mesh_operation *operation);

// Calls each() for the durable events so far, oldest first: how adopted work finds what was done.
MESH_NODISCARD mesh_code mesh_operation_history(mesh_operation *operation, mesh_each_event each,
                                                void *arg, mesh_error *err);

// Replaces the newest progress. Watchers get it when they are ready. Cheap; never waits.
void mesh_operation_progress(mesh_operation *operation, const Millrace__V1__Progress *progress);

// The same, already encoded; copied.
void mesh_operation_progress_bytes(mesh_operation *operation, mesh_view progress);

// A durable event whose journal entry is committed by the caller, together with its own data: begin
// encodes it and reserves its number (another begin waits); the caller commits `record` and
// `event`; publish shows it to the watchers, abandon gives the number back. `record` and `event`
// are valid until then. ABORTED once the operation has ended by force.
typedef struct mesh_entry {
  mesh_operation_record record;
  mesh_view event;
  int64_t source_epoch, source_sequence;  // the operation's before: for an event that is abandoned
} mesh_entry;
MESH_NODISCARD mesh_code mesh_operation_begin(mesh_operation *operation, uint32_t payload,
                                              mesh_view body, mesh_entry *entry, mesh_error *err);
void mesh_operation_publish(mesh_operation *operation, const mesh_entry *entry);
void mesh_operation_abandon(mesh_operation *operation, const mesh_entry *entry);

// Waits after the journal has refused an entry with `err`, if it is only full or away (the disk, a
// lock): no operation fails of that; its watchers are told why it stands still. OK: begin and
// commit again. Else `err` says why not: the refusal itself, or why the operation has to stop.
MESH_NODISCARD mesh_code mesh_operation_await_journal(mesh_operation *operation, mesh_error *err);

// begin, append to the journal, publish; waits while the journal is full or away. A payload that is
// a Checkpoint is kept as the newest one.
MESH_NODISCARD mesh_code mesh_operation_report(mesh_operation *operation, uint32_t payload,
                                               mesh_view body, mesh_error *err);

// As report, for event number `sequence` of a host's run `epoch`: what was journalled is not asked
// for again. `hops` (may be empty) are the encoded times of the layers that it has passed. payload
// 0: nothing to show, only remembered with the next one.
typedef struct mesh_source {
  int64_t epoch, sequence;
  mesh_view hops;
} mesh_source;
MESH_NODISCARD mesh_code mesh_operation_report_from(mesh_operation *operation,
                                                    const mesh_source *source, uint32_t payload,
                                                    mesh_view body, mesh_error *err);

// Reports that attempt `number` at `piece` failed and that another follows in `wait_ms`.
MESH_NODISCARD mesh_code mesh_operation_report_attempt(mesh_operation *operation, const char *piece,
                                                       int number, const mesh_error *why,
                                                       int64_t wait_ms, mesh_error *err);

#endif
