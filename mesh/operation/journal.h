// mesh_journal: where operations and their durable events are kept. A table of functions, so that
// mesh/ knows no database: the backend's journal is its store, a host's is memory.
#ifndef MILLRACE_MESH_OPERATION_JOURNAL_H
#define MILLRACE_MESH_OPERATION_JOURNAL_H

#include "mesh/runtime/status.h"
#include "mesh/runtime/view.h"
#include "millrace/v1/operation.pb-c.h"

// What the journal keeps about an operation beside its events. Strings and bytes are borrowed.
typedef struct mesh_operation_record {
  const char *name, *kind, *title;
  const char *request_id;    // "" if none; unique otherwise
  const char *work_key;      // the same work has the same key; "" if none
  const char *labels;        // a line "key=value\n" each, by key; "" if none
  mesh_view request;         // what the work can be made again from; empty if it cannot
  const char *requested_by;  // who asked it to stop; "" if nobody did
  Millrace__V1__OperationState state;
  bool detached;
  int64_t epoch, last_sequence;
  int64_t source_epoch,
      source_sequence;             // the host's last durable event that is journalled; 0: none
  int64_t created_ns, updated_ns;  // since 1970
  mesh_view checkpoint;  // the last encoded Checkpoint; in append(): empty where it has not changed
  mesh_view outcome;     // an encoded Outcome; empty until the end
} mesh_operation_record;

// Which operations to list. Strings are borrowed; zero is "all of them".
typedef struct mesh_operation_filter {
  const char *kind;    // "" or NULL: every kind
  const char *labels;  // as in the record: each of these must be there; "" or NULL: any
  Millrace__V1__OperationState state;      // 0: every state
  int64_t created_from_ns, created_to_ns;  // [from, to); 0: no bound
  const char *after;  // the name of the last one of the page before; "" or NULL: the first page
  int64_t after_created_ns;  // its created_ns, so that it need not be there any more; 0: unknown
  bool whole;                // with request and checkpoint; else these may be empty
  int limit;                 // at least 1
} mesh_operation_filter;

typedef void (*mesh_each_record)(void *arg, const mesh_operation_record *record);
typedef void (*mesh_each_event)(void *arg, int64_t sequence, mesh_view event);

// Called in fibers; may suspend them, and so may the `each` functions that it calls in turn. What
// returns OK is durable.
typedef struct mesh_journal {
  void *self;
  // Adds an operation with its first event. ALREADY_EXISTS if the name or the request id is there.
  mesh_code (*create)(void *self, const mesh_operation_record *record, mesh_view event,
                      mesh_error *err);
  // Appends event number record->last_sequence and updates what may change in the record, in one
  // transaction. ABORTED: that is not the next number, or a newer epoch owns the operation.
  mesh_code (*append)(void *self, const mesh_operation_record *record, mesh_view event,
                      mesh_error *err);
  // Calls each() for the durable events after `after_sequence`, oldest first, at most `limit` (and
  // less where they are large): *count (may be NULL) says how many; none: there are no more.
  // NOT_FOUND: no such operation.
  mesh_code (*read)(void *self, const char *name, int64_t after_sequence, int limit,
                    mesh_each_event each, void *arg, int *count, mesh_error *err);
  // Finds an operation by name, or, where `name` is NULL, by request id. NOT_FOUND.
  mesh_code (*find)(void *self, const char *name, const char *request_id, mesh_each_record each,
                    void *arg, mesh_error *err);
  // Calls each() for the operations of a filter, newest first, a page of them: *more says that
  // there may be others within the limit, after the last one. NOT_FOUND: there is no `after`.
  mesh_code (*list)(void *self, const mesh_operation_filter *filter, mesh_each_record each,
                    void *arg, bool *more, mesh_error *err);
  // Removes an operation and its events; *events (may be NULL) says how many. NOT_FOUND.
  mesh_code (*remove)(void *self, const char *name, int64_t *events, mesh_error *err);
  // OK while what this process appends would be taken; ABORTED: another one owns the journal. NULL
  // where nobody else can.
  mesh_code (*check_owner)(void *self, mesh_error *err);
} mesh_journal;

#endif
