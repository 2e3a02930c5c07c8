// exit_code: what a command's end means to a script.
#ifndef MILLRACE_CLI_EXIT_CODE_H
#define MILLRACE_CLI_EXIT_CODE_H

#include "mesh/runtime/status.h"

enum {
  EXIT_CODE_DONE = 0,
  EXIT_CODE_FAILED = 1,  // a partial success, too
  EXIT_CODE_USAGE = 2,
  EXIT_CODE_NOT_FOUND = 3,
  EXIT_CODE_UNAVAILABLE = 4,
  EXIT_CODE_REFUSED = 5,
  EXIT_CODE_INTERRUPTED = 130,  // Ctrl-C
};

// Of a call, or a command, that ended with `code`.
int exit_code_of(mesh_code code);

// Of an operation that was accepted and failed with `code`. What ran out on the way (the disk, the
// gateway's patience) did not refuse the request.
int exit_code_of_outcome(mesh_code code);

#endif
