// mesh_program: the frame of a program of the mesh: a loop, a main fiber, and an end by SIGTERM or
// SIGINT.
#ifndef MILLRACE_MESH_PROGRAM_PROGRAM_H
#define MILLRACE_MESH_PROGRAM_PROGRAM_H

#include "mesh/rpc/server.h"
#include "mesh/runtime/fiber.h"

typedef struct mesh_program {
  mesh_loop *loop;
  mesh_scope scope;  // the main fiber's; not cancelled by a signal, so that the end can be orderly
  mesh_signal changed;
  bool stopping;  // a signal has come
} mesh_program;

// Runs run(program, arg) in a fiber on a new loop, on this thread, until it returns, and returns
// what it returned: the exit code. Call mesh_process_block_signals() before anything starts a
// thread.
int mesh_program_run(int (*run)(mesh_program *program, void *arg), void *arg);

// Waits for SIGTERM or SIGINT; a second one ends the process at once.
void mesh_program_await_stop(mesh_program *program);

// Does what SIGTERM does: mesh_program_await_stop() returns.
void mesh_program_stop(mesh_program *program);

// Makes `server` listen on each address, and logs each as `layer`, with the port that was bound,
// and that a port is open to every user of the machine.
MESH_NODISCARD mesh_code mesh_program_listen(mesh_server *server, const char *layer,
                                             const char *const *addresses, int count,
                                             mesh_error *err);

#endif
