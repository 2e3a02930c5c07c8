// child: a program of the mesh as a child process that is started again when it dies. In fibers.
#ifndef MILLRACE_CLI_CHILD_H
#define MILLRACE_CLI_CHILD_H

#include <sys/types.h>

#include "mesh/runtime/pool.h"
#include "mesh/runtime/scope.h"

enum { CHILD_ARGS_MAX = 128, CHILD_PATH_MAX = 4096, CHILD_LINE_MAX = 512 };

typedef struct child {
  const char *name;                  // "backend"; static
  char program[CHILD_PATH_MAX];      // what to execute
  const char *args[CHILD_ARGS_MAX];  // behind the program's name, NULL at the end; borrowed
  char log_path[CHILD_PATH_MAX];     // standard output and error go there
  char lock_path[CHILD_PATH_MAX];    // held by the process for as long as it lives; "": none
  int inherited_fd;                  // a descriptor that it gets under its own number; 0: none
  pid_t pid;                         // 0 while it does not run
  int restarts;
  pid_t healthy_pid;  // the last one that has answered, as its owner finds; 0: none ever did
  bool gave_up;       // it refused to start, and is not started again
  int exit_code;      // of the last run; 128 + the number of the signal that ended it
  char last_line[CHILD_LINE_MAX];  // that the last run wrote; "": none
} child;

// Told of what happens to a child: "started", "died", "left" (by itself, with 0), "refused". Runs
// in the child's fiber.
typedef void (*child_event)(void *arg, child *who, const char *event);

// Finds a program of the mesh: in $MILLRACE_BIN_DIR, beside this program, where Bazel puts it, or
// on the PATH. NOT_FOUND names the places.
MESH_NODISCARD mesh_code child_find_program(const char *name, char out[CHILD_PATH_MAX],
                                            mesh_error *err);

// Starts the child and starts it again whenever it dies, after 50 ms, doubling to 5 s while it dies
// young; returns when `scope` is cancelled and the child has ended, or when it gave up: it ended
// with MESH_EXIT_REFUSED, or with MESH_EXIT_UNABLE before it was ever healthy: what gets in its way
// later will go away. It dies with this process (the
// kernel sends it SIGTERM), however early that is. `pool` has a thread for each child; call it on
// the thread that lives as long as the process.
void child_supervise(child *who, mesh_scope *scope, mesh_pool *pool, child_event on_event,
                     void *arg);

// Sends a signal, if it runs.
void child_signal(const child *who, int number);

// Ends what a supervisor that was killed left: whoever holds the lock at `lock_path`, which only a
// child has. The kernel says who that is, so it is never anybody else. SIGTERM, then SIGKILL after
// `limit_ms`; blocks. *pid (0: nobody was there) has ended on OK. UNAVAILABLE: it does not end.
MESH_NODISCARD mesh_code child_end_orphan(const char *lock_path, int64_t limit_ms, pid_t *pid,
                                          mesh_error *err);

#endif
