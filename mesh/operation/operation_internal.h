// The inside of mesh_operation, for the operation*.c files. Not for others.
//
// Calls go one way: operation_run.c (a life) -> operation_stop.c (its end, by force too) ->
// operation_outcome.c (what is journalled of it) -> operation.c (what it is at the moment).
#ifndef MILLRACE_MESH_OPERATION_OPERATION_INTERNAL_H
#define MILLRACE_MESH_OPERATION_OPERATION_INTERNAL_H

#include <uthash.h>

#include "mesh/operation/admission.h"
#include "mesh/operation/operation.h"
#include "mesh/runtime/bytes.h"
#include "mesh/runtime/fiber.h"

// A watcher of what runs here, in its fiber's storage.
typedef struct mesh_watching {
  mesh_scope *call;
  struct mesh_watching *next, **at;  // at: what points to it
} mesh_watching;

struct mesh_operations {
  mesh_loop *loop;
  const char *layer;
  const mesh_journal *journal;
  mesh_operations_options options;  // with the defaults filled in
  mesh_admission admission;
  mesh_scope scope;                                       // of all work
  mesh_operation *by_name, *by_request_id, *by_work_key;  // those that run here
  bool holding;                                           // adopted work waits for `resumed`
  mesh_signal resumed;
  bool closed;                           // takes nothing new
  bool draining;                         // and what runs is interrupted
  bool left;                             // no longer waits for it: watchers go
  int parts;                             // that run here, of operations that do
  int watching;                          // watchers of what runs here
  struct mesh_watching *first_watching;  // their calls
  int abandoned;                         // works that were left behind and have not returned
  mesh_signal ended;  // an operation no longer runs here, or a watcher came or left
};

// The newest durable events: what watchers that keep up need. Older ones are in the journal.
enum { MESH_RECENT_EVENTS = 128, MESH_RECENT_BYTES = 64 * 1024 };

struct mesh_operation {
  mesh_operations *operations;
  UT_hash_handle named, requested, keyed;
  bool is_keyed;  // in by_work_key
  char name[MESH_OPERATION_NAME_MAX];
  char *kind, *title, *request_id, *work_key, *labels;  // owned
  Millrace__V1__OperationState state;
  bool detached;
  int64_t grace_ms, cancel_timeout_ms;
  int64_t epoch, last_sequence, source_epoch, source_sequence, created_ns, updated_ns;
  mesh_view hops;  // of the host's event that is being reported; empty otherwise
  mesh_work work;
  mesh_scope scope;       // of the work; cancelled when it has to stop
  mesh_scope stop_scope;  // of what has to be done then
  mesh_cancel_hook on_stop;

  mesh_bytes recent[MESH_RECENT_EVENTS];  // events last_sequence - recent_count + 1 and on
  int recent_count;
  size_t recent_bytes;
  mesh_bytes progress;       // the newest, an encoded Progress
  int64_t progress_version;  // counts them
  mesh_signal changed;       // a durable event, a progress, or the end

  bool writing;  // between begin and publish or abandon
  mesh_signal writable;
  mesh_bytes checkpoint;     // the newest, an encoded Checkpoint
  mesh_bytes outcome;        // an encoded Outcome, once there is one
  mesh_error journal_error;  // why the last event could not be made durable; code OK otherwise

  bool is_part, is_joined;  // by a start that did not name it
  bool creating, ended;
  bool reporting_cancel;    // CancelRequested is on its way to the journal
  mesh_error cancel_error;  // why it did not get there; code OK otherwise
  bool forced;              // the cancel timeout is over
  bool abandoned;           // the outcome was given without the work, which may still run
  int users;                // fibers that hold a pointer to it beside the registry
  int watchers, keepers;    // all, and those that keep an attached one alive
  mesh_timer grace, force;
  int64_t requested_ns;
  char requested_by[128];
};

// Transitions: the only writer of `state`; asserts mesh_operation_may_enter().
void mesh_operation_enter(mesh_operation *operation, Millrace__V1__OperationState state);

// The record as the journal wants it, with the number of the last durable event; `checkpoint` set.
mesh_operation_record mesh_operation_describe(const mesh_operation *operation);

// Encodes event number `sequence` of `operation` into bytes that the caller frees.
mesh_bytes mesh_operation_encode(const mesh_operation *operation, mesh_event_class class_,
                                 int64_t sequence, int32_t replaced, uint32_t payload,
                                 mesh_view body);

// Finds a running operation by name; NULL if there is none.
mesh_operation *mesh_operations_find(mesh_operations *operations, const char *name);

enum { MESH_JOURNAL_RETRY_MS = 1000 };  // after the journal was full or away

// As mesh_operation_report(), but tries once: for what is not the work's.
MESH_NODISCARD mesh_code mesh_operation_append_once(mesh_operation *operation, uint32_t payload,
                                                    mesh_view body, mesh_error *err);

// The same for a protobuf-c message.
MESH_NODISCARD mesh_code mesh_operation_append_message(mesh_operation *operation, uint32_t payload,
                                                       const ProtobufCMessage *message,
                                                       mesh_error *err);

// Makes an operation from its record, adds it to the registry, and opens its scopes; not running
// yet.
mesh_operation *mesh_operation_create(mesh_operations *operations,
                                      const mesh_operation_record *record, const mesh_work *work,
                                      const Millrace__V1__StartOptions *options);

// Adds it to the registry, under its name, its request's id and its work's key.
void mesh_operation_register(mesh_operation *operation);

// No start of the same work joins it any more.
void mesh_operation_forget_key(mesh_operation *operation);

// Runs the work in a fiber of its own, until its outcome.
void mesh_operation_run(mesh_operation *operation);

// No longer running here: from now on the journal answers for it. Frees it after its last user.
void mesh_operation_end(mesh_operation *operation);

// A fiber uses the operation, or no longer does: the last user of an ended one frees it.
void mesh_operation_hold(mesh_operation *operation);
void mesh_operation_release(mesh_operation *operation);

// Prepares the timers and hooks that end the operation.
void mesh_operation_init_stop(mesh_operation *operation);

// Begins the stop: who asks is remembered, and reported as a durable event unless `known`.
void mesh_operation_stop(mesh_operation *operation, const char *requested_by, bool known);

// A watcher that keeps an attached operation alive came or left.
void mesh_operation_keep(mesh_operation *operation);
void mesh_operation_unkeep(mesh_operation *operation);

// Lets an attached operation that nobody watches go on for `grace_ms` more.
void mesh_operation_await_keeper(mesh_operation *operation, int64_t grace_ms);

// Packs and journals the outcome of a work that returned `code`, once CancelRequested is
// journalled. Tries again while the journal is full or away.
mesh_code mesh_operation_finish(mesh_operation *operation, mesh_code code,
                                Millrace__V1__Succeeded *succeeded,
                                Millrace__V1__Cancelled *cancelled, mesh_error *err);

#endif
