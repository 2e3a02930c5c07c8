// mesh_message_report: a protobuf-c message as an operation's event.
#ifndef MILLRACE_MESH_OPERATION_MESSAGE_REPORT_H
#define MILLRACE_MESH_OPERATION_MESSAGE_REPORT_H

#include "mesh/operation/operation.h"
#include "mesh/rpc/message.h"

// As mesh_operation_report().
MESH_NODISCARD mesh_code mesh_message_report(mesh_operation *operation, uint32_t payload,
                                             const ProtobufCMessage *message, mesh_error *err);

#endif
