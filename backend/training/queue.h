// queue: trainings wait for a slot of the host, the first that came first.
#ifndef MILLRACE_BACKEND_TRAINING_QUEUE_H
#define MILLRACE_BACKEND_TRAINING_QUEUE_H

#include "backend/training/manager.h"

// Waits until it is this operation's turn; its place is shown as progress. The operation's own code
// if it has to stop first.
MESH_NODISCARD mesh_code training_queue_wait(training_manager *self, mesh_operation *operation,
                                             mesh_error *err);

#endif
