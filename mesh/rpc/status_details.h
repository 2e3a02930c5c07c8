// Rich errors on the wire: mesh_error <-> the serialized google.rpc.Status of
// grpc-status-details-bin.
#ifndef MILLRACE_MESH_RPC_STATUS_DETAILS_H
#define MILLRACE_MESH_RPC_STATUS_DETAILS_H

#include "mesh/runtime/status.h"

// Makes err->details from the other fields, where there is a reason or a retry and no details yet.
// What a peer sent is left as it is.
void mesh_error_encode_details(mesh_error *err);

// Takes `details` as a peer sent them: keeps the bytes, and fills reason, domain and retry_after_ms
// from them. Bytes that are no google.rpc.Status are kept and otherwise ignored. Where they name
// another code than err->code, that and err->message stand in them: the status line wins.
void mesh_error_decode_details(mesh_error *err, const uint8_t *details, size_t size_bytes);

#endif
