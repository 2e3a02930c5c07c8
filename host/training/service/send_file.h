// training_send_file: a file on its way to a caller. In a fiber.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_SEND_FILE_H
#define MILLRACE_HOST_TRAINING_SERVICE_SEND_FILE_H

#include "mesh/rpc/call.h"
#include "mesh/runtime/view.h"

// Streams `file` as FileChunks of at most 256 KiB. `about`: an encoded FileChunk that goes in front
// (whoever encodes it does so where it takes its time); empty: none. Both are borrowed. Fails as
// mesh_call_send() does.
MESH_NODISCARD mesh_code training_send_file(mesh_call *call, mesh_view file, mesh_view about,
                                            mesh_error *err);

#endif
