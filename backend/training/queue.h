// queue: trainings wait for a slot of some host, the first that came first.
#ifndef MILLRACE_BACKEND_TRAINING_QUEUE_H
#define MILLRACE_BACKEND_TRAINING_QUEUE_H

#include "backend/training/manager.h"

// Waits until it is this operation's turn; its place is shown as progress. `place` (the caller's,
// until training_queue_leave()) says then who shall have it: of the hosts that can be reached and
// have a free slot one with a GPU (but for device "cpu"), then the one with the most free slots. An
// adopted operation that a host still runs waits for nothing. The operation's own code if it has to
// stop first: then it is not to leave.
MESH_NODISCARD mesh_code training_queue_enter(training_manager *self, mesh_operation *operation,
                                              const char *device, training_place *place,
                                              mesh_error *err);

// Whether a host can be reached that could go on with the operation.
bool training_queue_has_host(training_manager *self, mesh_operation *operation, const char *device);

// Gives the slot back.
void training_queue_leave(training_manager *self, training_place *place);

#endif
