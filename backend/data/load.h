// load: brings a stored series up to date. The work of one operation of the DataManager.
#ifndef MILLRACE_BACKEND_DATA_LOAD_H
#define MILLRACE_BACKEND_DATA_LOAD_H

#include "backend/data/manager.h"
#include "millrace/v1/data.pb-c.h"

// Checks an encoded LoadRequest and makes its work: a mesh_kind's rebuild(), with the data_manager
// as `self`. On OK mesh_operation_start() takes *work, or the caller ends it with
// work->on_end(work->arg). What *start points to lives as long as the work. INVALID_ARGUMENT names
// the field.
MESH_NODISCARD mesh_code load_prepare(void *data_manager, mesh_view request, mesh_start *start,
                                      mesh_work *work, mesh_error *err);

#endif
