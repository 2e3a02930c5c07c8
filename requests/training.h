// What a request of training must be, for TrainingService, TrainingManager, TrainingAdapter and
// TrainingHost, ModelsService and ModelsManager: the same at each of them, since each can be called
// alone. What a strategy's text must be is the training host's to say. Any thread.
#ifndef MILLRACE_REQUESTS_TRAINING_H
#define MILLRACE_REQUESTS_TRAINING_H

#include "mesh/rpc/message.h"

// The request of this type in `frame`, checked; the caller releases it with its
// __free_unpacked(request, NULL). NULL: it is none of this type, or not right: `err` is
// INVALID_ARGUMENT and names the field, what it is, and what would be right. Of a RunRequest the
// TrainRequest in it is checked, too.
void *training_request_take(const ProtobufCMessageDescriptor *type, mesh_frame frame,
                            mesh_error *err);

// For a layer that only passes it on: OK, or why training_request_take() would say no.
MESH_NODISCARD mesh_code training_request_check(const ProtobufCMessageDescriptor *type,
                                                mesh_frame frame, mesh_error *err);

#endif
