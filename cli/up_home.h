// The directories and the lock of a mesh's home.
#ifndef MILLRACE_CLI_UP_HOME_H
#define MILLRACE_CLI_UP_HOME_H

#include "mesh/runtime/status.h"

enum { UP_PATH_MAX = 4096 };  // bytes, with the NUL

// Makes `home` and its run/ and log/, and locks it for this process. ALREADY_EXISTS: a mesh runs
// there (names its pid). PERMISSION_DENIED and others: see mesh/program/private.h. On OK *lock is a
// descriptor that holds the lock until it is closed.
MESH_NODISCARD mesh_code up_home_take(const char *home, int *lock, mesh_error *err);

// True if a mesh runs in `home`; *pid (may be NULL) is that of its `up`, 0 where it is not known.
bool up_home_is_taken(const char *home, int *pid);

// A socket that listens on a free TCP port of 127.0.0.1. On OK the caller owns *fd: as long as it
// is open, nobody else gets the port.
MESH_NODISCARD mesh_code up_open_port(int *fd, int *port, mesh_error *err);

// The sample market for papergate: where Bazel puts it beside this program, or where an
// installation has it. False if it is in neither place.
bool up_find_market(char out[UP_PATH_MAX]);

#endif
