// How long `millrace status` takes, as a person waits for it: from fork to the end of the process,
// against grpc_cli, which lists the services of the same backend. `millrace --version` says how
// much of it is the loading of the shared libraries.
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/child.h"
#include "tests/bench/measure.h"
#include "tests/bench/mesh_processes.h"

enum { RUNS = 50 };

typedef struct command {
  const char *name;
  const char *argv[4];
  int64_t elapsed_ns[RUNS];
} command;

static int runs(void) {
  return bench_size(RUNS, 2);
}

static void run_once(command *self, int run, const char *output) {
  int64_t start = bench_now_ns();
  int code = bench_wait(bench_spawn(self->argv, output));
  self->elapsed_ns[run] = bench_now_ns() - start;
  if (code != 0) bench_die("%s ended with %d", self->name, code);
}

static double median_ms(const command *self) {
  return (double)bench_percentile(self->elapsed_ns, (size_t)runs(), 50) / 1e6;
}

static void print(command *self) {
  bench_sort(self->elapsed_ns, (size_t)runs());
  printf("  %-18s min %6.2f ms  median %6.2f ms  max %6.2f ms\n", self->name,
         (double)self->elapsed_ns[0] / 1e6, median_ms(self),
         (double)self->elapsed_ns[runs() - 1] / 1e6);
}

int main(void) {
  bench_mesh mesh;
  bench_mesh_start(&mesh, (const char *[]){NULL}, (const char *[]){NULL});
  setenv("MILLRACE_HOME", mesh.home, 1);
  command status = {.name = "millrace status", .argv = {"cli/millrace", "status"}};
  command version = {.name = "millrace --version", .argv = {"cli/millrace", "--version"}};
  command peer = {.name = "grpc_cli ls",
                  .argv = {"third_party/grpc_cli_once/grpc_cli", "ls", mesh.backend_address}};
  char *output = bench_text("%s/commands.out", mesh.home);

  const char *const ready[] = {"cli/millrace", "status", "--wait", "60", NULL};
  if (bench_wait(bench_spawn(ready, output)) != 0) bench_die("the mesh does not get ready");
  for (int run = 0; run < runs(); run++) {
    run_once(&status, run, output);
    run_once(&version, run, output);
    run_once(&peer, run, output);
  }
  printf("whole process, %d runs each, in turn\n", runs());
  print(&status);
  print(&version);
  print(&peer);
  bool fast = bench_target("millrace status, median", median_ms(&status), BENCH_AT_MOST, 15, "ms");
  bool reached = bench_target("millrace status, times grpc_cli ls",
                              median_ms(&status) / median_ms(&peer), BENCH_AT_MOST, 1, "x");

  free(output);
  bench_mesh_stop(&mesh);
  return fast && reached ? 0 : 1;
}
