// operations_directory: every operation by name, whether it runs here or is only in the journal.
// What both services are made of. In fibers of the loop.
#ifndef MILLRACE_BACKEND_OPERATIONS_DIRECTORY_H
#define MILLRACE_BACKEND_OPERATIONS_DIRECTORY_H

#include "backend/operations/operation_message.h"
#include "mesh/operation/operation.h"

typedef struct operations_directory {  // borrowed, both
  mesh_operations *operations;
  const mesh_journal *journal;
} operations_directory;

// Makes the message of one operation, as it is now; the caller owns *out. NOT_FOUND.
MESH_NODISCARD mesh_code operations_directory_find(const operations_directory *self,
                                                   const char *name, Millrace__V1__Operation **out,
                                                   mesh_error *err);

// Takes one operation of a list; `message` is borrowed. Anything but OK ends the list with it.
typedef mesh_code (*operations_each)(void *arg, const Millrace__V1__Operation *message,
                                     mesh_error *err);

// Calls each() for the operations of a filter, newest first, without their checkpoints. Holds a
// page of them at a time, however many there are. NOT_FOUND: there is no filter->after.
MESH_NODISCARD mesh_code operations_directory_list(const operations_directory *self,
                                                   const mesh_operation_filter *filter,
                                                   operations_each each, void *arg,
                                                   mesh_error *err);

// Asks `name` to stop. A watch after *after (may be NULL) has what happens from now on, or, where
// the operation had ended, its outcome alone. NOT_FOUND; UNAVAILABLE: it does not run here, but has
// not ended either.
MESH_NODISCARD mesh_code operations_directory_cancel(const operations_directory *self,
                                                     const char *name, const char *requested_by,
                                                     int64_t *after, mesh_error *err);

// Removes `name`, which must have ended, with its events; *events (may be NULL) counts them.
// NOT_FOUND; FAILED_PRECONDITION while it runs.
MESH_NODISCARD mesh_code operations_directory_remove(const operations_directory *self,
                                                     const char *name, int64_t *events,
                                                     mesh_error *err);

#endif
