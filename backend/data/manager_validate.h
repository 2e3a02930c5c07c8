// DataManager.Validate.
#ifndef MILLRACE_BACKEND_DATA_MANAGER_VALIDATE_H
#define MILLRACE_BACKEND_DATA_MANAGER_VALIDATE_H

#include "mesh/rpc/call.h"

// The method, with a data_manager as `arg` (data.proto).
mesh_code data_manager_validate(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err);

#endif
