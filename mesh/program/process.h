// mesh_process: what every program of the mesh does with its process: signals, and its parent's
// death.
#ifndef MILLRACE_MESH_PROGRAM_PROCESS_H
#define MILLRACE_MESH_PROGRAM_PROCESS_H

#include "mesh/runtime/loop.h"

typedef struct mesh_stop_signal mesh_stop_signal;

// Blocks SIGTERM and SIGINT in this thread and all that it starts later, and ignores SIGPIPE and
// SIGXFSZ (a write then fails with EPIPE or EFBIG). Call it first in main().
void mesh_process_block_signals(void);

// What this process makes from now on is for this user alone: files 0600, directories 0700.
void mesh_process_keep_private(void);

// Makes the kernel send this process SIGTERM when its parent dies.
void mesh_process_exit_with_parent(void);

// Calls on_stop(arg) on the loop, once, after SIGTERM or SIGINT; a second signal ends the process
// at once. Release it with mesh_stop_signal_destroy() when the loop has stopped.
mesh_stop_signal *mesh_stop_signal_create(mesh_loop *loop, void (*on_stop)(void *arg), void *arg);
void mesh_stop_signal_destroy(mesh_stop_signal *signal);

#endif
