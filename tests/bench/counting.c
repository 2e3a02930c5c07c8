#include "tests/bench/counting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/child.h"

void bench_counting_start(bench_counting *mesh) {
  *mesh = (bench_counting){.home = bench_make_directory()};
  mesh->backend_address = bench_text("unix:%s/backend.sock", mesh->home);
  mesh->host_address = bench_text("unix:%s/counter.sock", mesh->home);
  char *output = bench_text("%s/counter-host.out", mesh->home);
  const char *host[] = {"tests/fakes/counter-host", mesh->host_address, NULL};
  mesh->host = bench_spawn(host, output);
  bench_wait_for_socket(mesh->host_address + strlen("unix:"));
  free(output);
  output = bench_text("%s/backend.out", mesh->home);
  // One peer that does what many do: starts by the thousand, and leaves each when it runs.
  const char *backend[] = {"tests/fakes/counter-backend",
                           "--home",
                           mesh->home,
                           "--listen",
                           mesh->backend_address,
                           "--ib-host",
                           "unix:/nowhere",
                           "--operations",
                           "0",
                           "--starts-per-s",
                           "0",
                           "--limit",
                           "resets=1000000000",
                           "--limit",
                           "streams=100000",
                           "--limit",
                           "calls=100000",
                           "--limit",
                           "memory_mib=8192",
                           "--limit",
                           "connection_mib=4096",
                           NULL};
  if (setenv("MILLRACE_TEST_COUNTER_HOST", mesh->host_address, 1) != 0) bench_die("setenv");
  mesh->backend = bench_spawn(backend, output);
  bench_wait_for_socket(mesh->backend_address + strlen("unix:"));
  free(output);
}

void bench_counting_stop(bench_counting *mesh) {
  bench_end(mesh->backend);
  bench_end(mesh->host);
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
