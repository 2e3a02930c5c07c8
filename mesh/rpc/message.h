// mesh_message: protobuf-c messages on their way: packed, sent on a call.
#ifndef MILLRACE_MESH_RPC_MESSAGE_H
#define MILLRACE_MESH_RPC_MESSAGE_H

#include "mesh/rpc/call.h"
#include "mesh/rpc/pack.h"

// As mesh_call_send().
MESH_NODISCARD mesh_code mesh_message_send(mesh_call *call, const ProtobufCMessage *message,
                                           mesh_error *err);

// As mesh_call_open().
MESH_NODISCARD mesh_code mesh_message_open(mesh_scope *scope, mesh_link *link, const char *method,
                                           const ProtobufCMessage *request,
                                           const mesh_call_options *options, mesh_call **out,
                                           mesh_error *err);

// The request in `frame`, as protobuf-c makes it; the caller releases it with its
// __free_unpacked(request, NULL). NULL: it is none: INVALID_ARGUMENT in `err`, naming the type.
void *mesh_message_take(const ProtobufCMessageDescriptor *type, mesh_frame frame, mesh_error *err);

// INVALID_ARGUMENT where `field` of a request is no google.protobuf.Timestamp: years 1 to 9999.
MESH_NODISCARD mesh_code mesh_message_check_time(const char *field, int64_t seconds, int32_t nanos,
                                                 mesh_error *err);

#endif
