// child: a program of the mesh as a child process that is started again when it dies. In fibers.
#ifndef MILLRACE_CLI_CHILD_H
#define MILLRACE_CLI_CHILD_H

#include <sys/types.h>

#include "mesh/runtime/pool.h"
#include "mesh/runtime/scope.h"

enum { CHILD_ARGS_MAX = 64, CHILD_PATH_MAX = 4096, CHILD_LINE_MAX = 512 };

typedef struct child {
  const char *name;                  // "backend"; static
  char program[CHILD_PATH_MAX];      // what to execute
  const char *args[CHILD_ARGS_MAX];  // behind the program's name, NULL at the end; borrowed
  char log_path[CHILD_PATH_MAX];     // standard output and error go there
  pid_t pid;                         // 0 while it does not run
  int restarts;
  bool gave_up;                    // it refused to start: exit code 2
  int exit_code;                   // of the last run
  char last_line[CHILD_LINE_MAX];  // of its log, when it gave up
} child;

// Told of what happens to a child: "started", "died", "left" (by itself, with 0), "refused". Runs
// in the child's fiber.
typedef void (*child_event)(void *arg, child *who, const char *event);

// Finds a program of the mesh: in $MILLRACE_BIN_DIR, beside this program, where Bazel puts it, or
// on the PATH. NOT_FOUND names the places.
MESH_NODISCARD mesh_code child_find_program(const char *name, char out[CHILD_PATH_MAX],
                                            mesh_error *err);

// Starts the child and starts it again whenever it dies, after 50 ms, doubling to 5 s while it dies
// young; returns when `scope` is cancelled and the child has ended, or when it gave up. `pool` has
// a thread for each child.
void child_supervise(child *who, mesh_scope *scope, mesh_pool *pool, child_event on_event,
                     void *arg);

// Sends a signal, if it runs.
void child_signal(const child *who, int number);

#endif
