#include "tests/bench/mesh_processes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/child.h"
#include "tests/bench/measure.h"

enum { FLAGS_MAX = 24 };

// The first line of `path`, once it is whole, holds "port":N.
static int read_port(const char *path, pid_t gateway) {
  for (int64_t end = bench_now_ns() + BENCH_WAIT_S * INT64_C(1000000000); bench_now_ns() < end;) {
    char line[1024] = "";
    FILE *file = fopen(path, "r");
    bool whole = file != NULL && fgets(line, sizeof line, file) != NULL && strchr(line, '\n');
    if (file != NULL) fclose(file);
    const char *found = strstr(line, "\"port\":");
    if (whole && found != NULL) return atoi(found + strlen("\"port\":"));
    if (whole) bench_die("papergate (process %d): %s", (int)gateway, line);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  bench_die("papergate does not say its port within %d s", BENCH_WAIT_S);
}

// Adds `flags` after the first `count` of `argv`, which has room for FLAGS_MAX.
static void add_flags(const char **argv, size_t count, const char *const *flags) {
  for (; *flags != NULL; flags++) {
    if (count == FLAGS_MAX - 1) bench_die("more than %d flags", FLAGS_MAX);
    argv[count++] = *flags;
  }
}

static void start_gateway(bench_mesh *mesh, const char *const *flags) {
  char *output = bench_text("%s/papergate.out", mesh->home);
  mesh->gateway_log = bench_text("%s/papergate.jsonl", mesh->home);
  const char *argv[FLAGS_MAX] = {
      "tools/papergate/papergate", "--port", "0", "--no-limits", "--log", mesh->gateway_log};
  add_flags(argv, 6, flags);
  mesh->gateway = bench_spawn(argv, output);
  mesh->gateway_port = read_port(output, mesh->gateway);
  free(output);
}

static void start_host(bench_mesh *mesh, const char *address, const char *const *flags) {
  char *output = bench_text("%s/ib-host.out", mesh->home);
  char *gateway = bench_text("127.0.0.1:%d", mesh->gateway_port);
  const char *argv[FLAGS_MAX] = {"host/ib/millrace-ib-host", "--listen", address, "--gateway",
                                 gateway};
  add_flags(argv, 5, flags);
  mesh->host = bench_spawn(argv, output);
  bench_wait_for_socket(address + strlen("unix:"));
  free(gateway);
  free(output);
}

static void start_backend(bench_mesh *mesh, const char *host_address) {
  char *output = bench_text("%s/backend.out", mesh->home);
  const char *argv[] = {"backend/millrace-backend", "--home",    mesh->home,   "--listen",
                        mesh->backend_address,      "--ib-host", host_address, NULL};
  mesh->backend = bench_spawn(argv, output);
  bench_wait_for_socket(mesh->backend_address + strlen("unix:"));
  free(output);
}

void bench_mesh_start(bench_mesh *mesh, const char *const *gateway_flags,
                      const char *const *host_flags) {
  *mesh = (bench_mesh){.home = bench_make_directory()};
  char *run = bench_text("%s/run", mesh->home);
  if (mkdir(run, 0700) != 0) bench_die("%s: %s", run, strerror(errno));
  mesh->backend_address = bench_text("unix:%s/backend.sock", run);
  char *host_address = bench_text("unix:%s/ib-host.sock", run);
  start_gateway(mesh, gateway_flags);
  start_host(mesh, host_address, host_flags);
  start_backend(mesh, host_address);
  free(host_address);
  free(run);
}

void bench_mesh_stop(bench_mesh *mesh) {
  bench_end(mesh->backend);
  bench_end(mesh->host);
  bench_end(mesh->gateway);
  bench_remove_directory(mesh->home);
  free(mesh->home);
  free(mesh->gateway_log);
  free(mesh->backend_address);
}
