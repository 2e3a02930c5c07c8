// What a request for data must be, for DataService, DataManager, DataAdapter and IbHost: the same
// at each of them, since each can be called alone. Any thread.
#ifndef MILLRACE_REQUESTS_DATA_H
#define MILLRACE_REQUESTS_DATA_H

#include "mesh/rpc/message.h"

// The request of this type in `frame`, checked, with its symbol, prices and session in their normal
// forms (instrument.h, prices.h); the caller releases it with its
// __free_unpacked(request, NULL). NULL: it is none of this type, or not right: `err` is
// INVALID_ARGUMENT and names the field, what it is, and what would be right.
void *data_request_take(const ProtobufCMessageDescriptor *type, mesh_frame frame, mesh_error *err);

// For a layer that only passes it on: OK, or why data_request_take() would say no.
MESH_NODISCARD mesh_code data_request_check(const ProtobufCMessageDescriptor *type,
                                            mesh_frame frame, mesh_error *err);

#endif
