// prune: what trainings left in the directory of checkpoints goes when it is old and nothing refers
// to it any more. The backend is asked: one that runs, or that could be resumed, keeps its files
// whatever their time says, and so does the training that one was resumed from. While the backend
// does not answer, everything stays. In a fiber of the host's loop.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_PRUNE_H
#define MILLRACE_HOST_TRAINING_SERVICE_PRUNE_H

#include "host/training/service/host.h"

// Looks now, and once an hour, in host->pruning, until it is stopped. The first returns at once,
// the second in a fiber once all has ended.
void training_prune_start(training_host *host);

// Ends it, and waits for the look that runs. In a fiber.
void training_prune_stop(training_host *host);

#endif
