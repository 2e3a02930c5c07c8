// operation_message: millrace.v1.Operation as a message of its own, and sending messages.
// A message owns all that it points to, as if it had been unpacked. Any thread but for send.
#ifndef MILLRACE_BACKEND_OPERATIONS_OPERATION_MESSAGE_H
#define MILLRACE_BACKEND_OPERATIONS_OPERATION_MESSAGE_H

#include "mesh/operation/journal.h"
#include "mesh/rpc/call.h"

// Makes an empty message; release it with operation_message_destroy().
Millrace__V1__Operation *operation_message_create(void);

// Makes the message of a record. `progress` is an encoded Progress, empty if there is none.
Millrace__V1__Operation *operation_message_of(const mesh_operation_record *record,
                                              mesh_view progress, int watchers);

// Releases a message; NULL is fine.
void operation_message_destroy(Millrace__V1__Operation *message);

// Sets a field to a copy of `size_bytes` of text, or to a time since 1970, whatever it was before.
void operation_message_set_text(char **field, const char *text, size_t size_bytes);
void operation_message_set_time(Google__Protobuf__Timestamp **field, int64_t time_ns);

// Adds a label, copied, behind those that are there.
void operation_message_add_label(Millrace__V1__Operation *message, const char *key,
                                 const char *value);

// "RUNNING" and so on.
const char *operation_state_name(Millrace__V1__OperationState state);

// True for SUCCEEDED, FAILED and CANCELLED.
bool operation_state_is_final(Millrace__V1__OperationState state);

#endif
