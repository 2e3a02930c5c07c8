// home: where everything that a mesh makes lies.
#ifndef MILLRACE_CLI_HOME_H
#define MILLRACE_CLI_HOME_H

#include "mesh/runtime/status.h"

enum { HOME_PATH_MAX = 4096 };  // bytes, with the NUL

// `flag` where it is not NULL, else $MILLRACE_HOME, else $XDG_STATE_HOME/millrace, else
// ~/.local/state/millrace; made absolute. INVALID_ARGUMENT: none of them is set, or the path is too
// long for the sockets below it.
MESH_NODISCARD mesh_code home_find(const char *flag, char out[HOME_PATH_MAX], mesh_error *err);

#endif
