// load_many: loads of many series as one operation. Each series is a load of its own, which can be
// seen, watched and cancelled as any other; this one starts them, a few at a time, and waits. Where
// its process ends both go on with the next one: a child is found by its name.
#ifndef MILLRACE_BACKEND_DATA_LOAD_MANY_H
#define MILLRACE_BACKEND_DATA_LOAD_MANY_H

#include "backend/data/manager.h"

// As load_prepare(), of an encoded LoadManyRequest.
MESH_NODISCARD mesh_code load_many_prepare(void *data_manager, mesh_view request, mesh_start *start,
                                           mesh_work *work, mesh_error *err);

#endif
