// The DataManager's Gaps: what is missing in a window of a series, and why.
#ifndef MILLRACE_BACKEND_DATA_MANAGER_GAPS_H
#define MILLRACE_BACKEND_DATA_MANAGER_GAPS_H

#include "mesh/rpc/call.h"

// Serves a GapsRequest; `data_manager` is the manager. In the call's fiber.
mesh_code data_manager_gaps(mesh_call *call, mesh_frame request, void *data_manager,
                            mesh_error *err);

#endif
