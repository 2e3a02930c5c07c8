// DataManager.Delete.
#ifndef MILLRACE_BACKEND_DATA_MANAGER_DELETE_H
#define MILLRACE_BACKEND_DATA_MANAGER_DELETE_H

#include "mesh/rpc/call.h"

// The method, with a data_manager as `arg` (data.proto).
mesh_code data_manager_delete(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err);

#endif
