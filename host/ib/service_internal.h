// The inside of IbHost, for its files; not for others. service.c lists the methods of
// service_bars.c and service_queries.c, which call service_error.c.
#ifndef MILLRACE_HOST_IB_SERVICE_INTERNAL_H
#define MILLRACE_HOST_IB_SERVICE_INTERNAL_H

#include "host/ib/service.h"

// Methods of IbHost (ib_host.proto says what each does and how it fails), in a fiber of their call;
// `self` is the ib_service. What they get is checked (requests/data.h).
mesh_code ib_fetch_bars(mesh_call *call, mesh_frame frame, void *self, mesh_error *err);
mesh_code ib_watch_bars(mesh_call *call, mesh_frame frame, void *self, mesh_error *err);
mesh_code ib_head_timestamp(mesh_call *call, mesh_frame frame, void *self, mesh_error *err);
mesh_code ib_resolve_contract(mesh_call *call, mesh_frame frame, void *self, mesh_error *err);
mesh_code ib_search_symbols(mesh_call *call, mesh_frame frame, void *self, mesh_error *err);
mesh_code ib_await_stopped(mesh_call *call, mesh_frame frame, void *self, mesh_error *err);
mesh_code ib_status(mesh_call *call, mesh_frame frame, void *self, mesh_error *err);

// Puts the symbol before what the gateway said: its own texts name none. Returns `code`; errors of
// the way to the gateway are left alone.
mesh_code ib_name_symbol(const char *symbol, mesh_code code, mesh_error *err);

#endif
