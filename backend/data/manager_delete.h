// DataManager.Delete: a stored series goes.
#ifndef MILLRACE_BACKEND_DATA_MANAGER_DELETE_H
#define MILLRACE_BACKEND_DATA_MANAGER_DELETE_H

#include "mesh/rpc/service.h"

// `arg` is the data_manager. In the call's fiber.
mesh_code data_manager_delete(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err);

#endif
