// The inside of mesh_operation, for operation.c, operation_events.c and operation_watch.c. Not for
// others.
#ifndef MILLRACE_MESH_OPERATION_INTERNAL_H
#define MILLRACE_MESH_OPERATION_INTERNAL_H

#include "mesh/fiber.h"
#include "mesh/operation.h"

struct mesh_operations {
  mesh_loop *loop;
  const char *layer;
  const mesh_journal *journal;
  mesh_scope scope;  // of all work
  mesh_operation *first;
};

typedef struct mesh_stored_event {
  uint8_t *data;  // owned
  size_t size_bytes;
} mesh_stored_event;

struct mesh_operation {
  mesh_operations *operations;
  mesh_operation *next;
  char name[MESH_OPERATION_NAME_MAX];
  char *kind, *title, *request_id, *work_key;  // owned
  Millrace__V1__OperationState state;
  bool detached;
  int64_t grace_ms, epoch, created_ns, updated_ns;
  mesh_work work;
  mesh_scope scope;  // of the work; cancelled when the operation is

  mesh_stored_event *events;  // event_count durable events: number n is events[n - 1]
  size_t event_count, event_capacity;
  int64_t
      base_sequence;  // durable events that are only in the journal; 0 for one that started here
  mesh_stored_event progress;  // the newest, an encoded Progress
  int64_t progress_version;    // counts them
  mesh_signal changed;         // a durable event, a progress, or the end

  bool writing;  // between begin and publish or abandon
  mesh_signal writable;
  mesh_stored_event outcome;  // an encoded Outcome, once there is one
  mesh_error journal_error;   // why an event could not be made durable; code OK otherwise

  bool creating, ended;
  int users;     // fibers that hold a pointer to it beside the list
  int watchers;  // that keep it alive
  mesh_timer grace;
  char requested_by[128];
};

// Transitions: the only writer of `state`; asserts the drawing in operation.h.
void mesh_operation_enter(mesh_operation *operation, Millrace__V1__OperationState state);

// The record as the journal wants it, with the number of the last durable event.
mesh_operation_record mesh_operation_describe(const mesh_operation *operation);

// Copies bytes into `stored`, freeing what was there.
void mesh_store_bytes(mesh_stored_event *stored, const uint8_t *data, size_t size_bytes);

// Encodes event number `sequence` of `operation` into bytes that the caller frees.
mesh_stored_event mesh_operation_encode(const mesh_operation *operation, mesh_event_class class_,
                                        int64_t sequence, int32_t replaced, uint32_t payload,
                                        mesh_view body);

// Finds a running operation by name; NULL if there is none.
mesh_operation *mesh_operations_find(mesh_operations *operations, const char *name);

// A fiber uses the operation, or no longer does: the last user of an ended one frees it.
void mesh_operation_hold(mesh_operation *operation);
void mesh_operation_release(mesh_operation *operation);

// Packs and journals the outcome of a work that returned `code`.
mesh_code mesh_operation_finish(mesh_operation *operation, mesh_code code,
                                Millrace__V1__Succeeded *succeeded,
                                Millrace__V1__Cancelled *cancelled, mesh_error *err);

#endif
