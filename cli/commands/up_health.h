// Whether what was started can do its work. In fibers.
#ifndef MILLRACE_CLI_COMMANDS_UP_HEALTH_H
#define MILLRACE_CLI_COMMANDS_UP_HEALTH_H

#include "mesh/runtime/scope.h"

enum { UP_GATEWAY_TEXT_MAX = 512 };  // bytes, with the NUL

// Waits until the server at `address` says that it serves, or `scope` ends.
MESH_NODISCARD mesh_code up_await_serving(mesh_scope *scope, const char *name, const char *address,
                                          mesh_error *err);

// Waits up to `limit_ms` until the backend at `address` says that the gateway is connected; true if
// it is. `text` is where the gateway is, and what is wrong with it.
bool up_await_gateway(mesh_scope *scope, const char *address, int64_t limit_ms,
                      char text[UP_GATEWAY_TEXT_MAX]);

#endif
