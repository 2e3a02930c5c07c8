// bench: a whole mesh as processes: papergate, IB host, backend, in a directory of their own.
// What fails ends the benchmark with a line that says what.
#ifndef MILLRACE_TESTS_BENCH_MESH_PROCESSES_H
#define MILLRACE_TESTS_BENCH_MESH_PROCESSES_H

#include <sys/types.h>

typedef struct bench_mesh {
  char *home;             // removed at the end
  char *gateway_log;      // papergate's JSON lines
  char *backend_address;  // "unix:..."
  int gateway_port;       // on 127.0.0.1
  pid_t gateway, host, backend;
} bench_mesh;

// Starts all three, papergate without limits, and waits until they listen. The flags are added to
// papergate's and the IB host's own and end with NULL.
void bench_mesh_start(bench_mesh *mesh, const char *const *gateway_flags,
                      const char *const *host_flags);

void bench_mesh_stop(bench_mesh *mesh);

#endif
