// queue: trainings wait for a slot of some host, the first that came first.
#ifndef MILLRACE_BACKEND_TRAINING_QUEUE_H
#define MILLRACE_BACKEND_TRAINING_QUEUE_H

#include "backend/training/manager.h"

enum { TRAINING_HOST_NAME_MAX = 64 };  // bytes, with the NUL

// Waits until it is this operation's turn; its place is shown as progress. `host` is who shall have
// it: of those that can be reached and have a free slot one with a GPU (but for device "cpu"), then
// the one with the most free slots; "" where none could be asked. The operation's own code if it
// has to stop first.
MESH_NODISCARD mesh_code training_queue_wait(training_manager *self, mesh_operation *operation,
                                             const char *device, char host[TRAINING_HOST_NAME_MAX],
                                             mesh_error *err);

#endif
