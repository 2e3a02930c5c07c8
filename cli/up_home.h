// The directories and the lock of a mesh's home.
#ifndef MILLRACE_CLI_UP_HOME_H
#define MILLRACE_CLI_UP_HOME_H

#include "mesh/status.h"

// Makes `home` and its run/ and log/, and locks it for this process. ALREADY_EXISTS: a mesh runs
// there (names its pid). On OK *lock is a descriptor that holds the lock until it is closed.
MESH_NODISCARD mesh_code up_home_take(const char *home, int *lock, mesh_error *err);

// A TCP port on 127.0.0.1 that is free now.
MESH_NODISCARD mesh_code up_find_port(int *port, mesh_error *err);

#endif
