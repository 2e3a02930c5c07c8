#include "tests/bench/counting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/child.h"

enum { ARGUMENTS_MAX = 32 };

// What both give to one peer, which does here what many do: starts by the thousand, and leaves each
// when it runs. The backend is one peer of the host, on one connection.
static const char *const limits[] = {"resets=1000000000",   "streams=100000",
                                     "calls=100000",        "memory_mib=8192",
                                     "connection_mib=4096", "answers_mib=8192"};

// Adds the limits after the first `count` of `argv`.
static void lift_limits(const char *argv[ARGUMENTS_MAX], size_t count) {
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    argv[count++] = "--limit";
    argv[count++] = limits[i];
  }
}

void bench_counting_start(bench_counting *mesh) {
  *mesh = (bench_counting){.home = bench_make_directory()};
  mesh->backend_address = bench_text("unix:%s/backend.sock", mesh->home);
  mesh->host_address = bench_text("unix:%s/counter.sock", mesh->home);
  char *output = bench_text("%s/counter-host.out", mesh->home);
  const char *host[ARGUMENTS_MAX] = {"tests/fakes/counter-host", "--listen", mesh->host_address};
  lift_limits(host, 3);
  mesh->host = bench_spawn(host, output);
  bench_wait_for_socket(mesh->host_address + strlen("unix:"));
  free(output);
  output = bench_text("%s/backend.out", mesh->home);
  const char *backend[ARGUMENTS_MAX] = {"tests/fakes/counter-backend",
                                        "--home",
                                        mesh->home,
                                        "--listen",
                                        mesh->backend_address,
                                        "--ib-host",
                                        "unix:/nowhere",
                                        "--operations",
                                        "0",
                                        "--starts-per-s",
                                        "0"};
  lift_limits(backend, 11);
  if (setenv("MILLRACE_TEST_COUNTER_HOST", mesh->host_address, 1) != 0) bench_die("setenv");
  mesh->backend = bench_spawn(backend, output);
  bench_wait_for_socket(mesh->backend_address + strlen("unix:"));
  free(output);
}

void bench_counting_stop(bench_counting *mesh) {
  bench_end(mesh->host);  // while somebody hears how far its runs are: else it waits for that
  bench_end(mesh->backend);
  bench_remove_directory(mesh->home);
  free(mesh->home);
  free(mesh->backend_address);
  free(mesh->host_address);
}

int64_t bench_memory(pid_t pid) {
  char *path = bench_text("/proc/%d/statm", (int)pid);
  FILE *file = fopen(path, "r");
  long long size, resident, shared;
  if (file == NULL || fscanf(file, "%lld %lld %lld", &size, &resident, &shared) != 3) {
    bench_die("%s: %s", path, strerror(errno));
  }
  fclose(file);
  free(path);
  return (resident - shared) * sysconf(_SC_PAGESIZE);
}

mesh_call *bench_count(backend_client *client, mesh_link *link,
                       Millrace__Test__V1__CountRequest *request, bool detached) {
  Millrace__V1__StartOptions start = MILLRACE__V1__START_OPTIONS__INIT;
  start.detached = detached;
  request->start = &start;
  return backend_client_call(client, link, "/millrace.test.v1.CounterService/Count",
                             &request->base);
}
