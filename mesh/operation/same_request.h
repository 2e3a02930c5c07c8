// mesh_same_request: whether two requests ask for the same. Who starts an operation a second time
// under one request id has to mean the same by it: else its result would be taken for another's.
// Any thread.
#ifndef MILLRACE_MESH_OPERATION_SAME_REQUEST_H
#define MILLRACE_MESH_OPERATION_SAME_REQUEST_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "mesh/runtime/view.h"

enum { MESH_FIELD_NAME_MAX = 80 };  // bytes, with the NUL

// True if two encoded messages of `type` are the same, whatever the order of their labels, and
// whatever their `start` says about who asks and how long it stays: request_id, detached, grace_ms.
// Where they are not, `field` names the first one that differs: "symbol", "start.labels". `type`
// NULL: they are compared as bytes, and the field is "request".
bool mesh_same_request(const ProtobufCMessageDescriptor *type, mesh_view left, mesh_view right,
                       char field[MESH_FIELD_NAME_MAX]);

#endif
