// training_send_file: a file on its way to a caller. In a fiber.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_SEND_FILE_H
#define MILLRACE_HOST_TRAINING_SERVICE_SEND_FILE_H

#include "mesh/rpc/call.h"
#include "mesh/runtime/view.h"
#include "millrace/v1/learning.pb-c.h"

// Streams `file` as FileChunks of at most 256 KiB, `about` (may be NULL) in the first one; an empty
// file is one empty chunk. Both are borrowed. Fails as mesh_call_send() does.
MESH_NODISCARD mesh_code training_send_file(mesh_call *call, mesh_view file,
                                            Millrace__V1__Model *about, mesh_error *err);

#endif
