// operation_replay: an operation as its durable events alone tell it, at any of them.
// Progress and watchers are in no journal: they stay unset.
#ifndef MILLRACE_BACKEND_OPERATIONS_REPLAY_H
#define MILLRACE_BACKEND_OPERATIONS_REPLAY_H

#include "backend/operations/operation_message.h"

// Folds the next durable event into `message`, which begins as operation_message_create() makes it.
// DATA_LOSS: the bytes are no event, or not the next one; `message` is not to be used then. Any
// thread.
MESH_NODISCARD mesh_code operation_replay_add(Millrace__V1__Operation *message, mesh_view event,
                                              mesh_error *err);

// Makes the message of `name` as it was after event number `at_sequence` (at least 1); the caller
// owns *out. NOT_FOUND: no such operation; OUT_OF_RANGE: no such event yet. In a fiber.
MESH_NODISCARD mesh_code operation_replay(const mesh_journal *journal, const char *name,
                                          int64_t at_sequence, Millrace__V1__Operation **out,
                                          mesh_error *err);

#endif
