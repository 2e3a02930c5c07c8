// mesh_process: what every program of the mesh does with its process: signals, and its parent's
// death.
#ifndef MILLRACE_MESH_PROGRAM_PROCESS_H
#define MILLRACE_MESH_PROGRAM_PROCESS_H

#include "mesh/runtime/loop.h"
#include "mesh/runtime/status.h"

typedef struct mesh_stop_signal mesh_stop_signal;

// How a program says that it could not start, to whoever supervises it.
enum {
  MESH_EXIT_REFUSED = 2,  // what it was told, or what it found, is wrong: never start it again
  MESH_EXIT_UNABLE = 75,  // something is in the way, such as a port or a full disk: later, maybe
};

// The exit code of a program that could not start because of `code`; 0 for OK.
int mesh_process_exit_code(mesh_code code);

// Blocks SIGTERM and SIGINT in this thread and all that it starts later, and ignores SIGPIPE and
// SIGXFSZ (a write then fails with EPIPE or EFBIG). Call it first in main().
void mesh_process_block_signals(void);

// What this process makes from now on is for this user alone: files 0600, directories 0700.
void mesh_process_keep_private(void);

// Raises the soft limit of descriptors to the hard one: a shell's default of 1,024 is for programs
// that use select(). Each connection takes two. Before the server listens.
void mesh_process_raise_descriptors(void);

// Makes the kernel send this process SIGTERM when its parent dies. A parent that died before the
// call is not noticed: whoever must not leave orphans asks for the signal between fork and exec, as
// cli/child.c does.
void mesh_process_exit_with_parent(void);

// Calls on_stop(arg) on the loop, once, after SIGTERM or SIGINT; a second signal ends the process
// at once. Other signals do what they do to any program. Release it with mesh_stop_signal_destroy()
// when the loop has stopped.
mesh_stop_signal *mesh_stop_signal_create(mesh_loop *loop, void (*on_stop)(void *arg), void *arg);

// Stops to listen and frees it; the signals stay blocked. NULL is fine.
void mesh_stop_signal_destroy(mesh_stop_signal *signal);

// SIGTERM or SIGINT: what on_stop() was called for. Not before.
int mesh_stop_signal_number(const mesh_stop_signal *signal);

#endif
