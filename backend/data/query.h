// query: what callers ask of the store, a few at a time.
#ifndef MILLRACE_BACKEND_DATA_QUERY_H
#define MILLRACE_BACKEND_DATA_QUERY_H

#include "backend/data/manager.h"
#include "mesh/runtime/scope.h"

// As mesh_pool_run(), but behind the questions of others: at most DATA_QUERIES_MOST have a thread
// of the pool at a time, so that a flood of them leaves one to loads and operations, and who has
// gone is not asked for any more. The code of `scope`, and run() was not called, if it was
// cancelled while it waited. In a fiber.
enum { DATA_QUERIES_MOST = 2 };
MESH_NODISCARD mesh_code data_query(data_manager *self, mesh_scope *scope, void (*run)(void *arg),
                                    void *arg, mesh_error *err);

#endif
