// How soon a cancel is on the gateway's wire: from the client's call to papergate's log line of
// cancelHistoricalData, through every layer; against the same on a plain TWS socket in the same
// run.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/backend_client.h"
#include "tests/bench/child.h"
#include "tests/bench/gateway_log.h"
#include "tests/bench/measure.h"
#include "tests/bench/mesh_processes.h"
#include "tests/bench/tws.h"

enum { CANCELS = 200, OPERATION_MAX = 64 };

static const int64_t first_day_s = 978307200, day_s = 86400;  // 2001-01-01

typedef struct series {
  const char *name;
  int64_t waits_ns[CANCELS];
} series;

// Of each kind.
static int cancels(void) {
  return bench_size(CANCELS, 5);
}

typedef struct bench {
  const bench_mesh *mesh;
  FILE *log;  // papergate's
  backend_client *client;
  int64_t loads;  // each asks for another day
  series by_call, by_drop, plain;
} bench;

// Waits until papergate has logged `event`; the fiber sleeps between two looks.
static int64_t logged_ns(bench *self, const char *name) {
  gateway_event event;
  for (int64_t end = mesh_now_ns() + BENCH_WAIT_S * INT64_C(1000000000); mesh_now_ns() < end;) {
    if (gateway_log_find(self->log, name, &event)) return event.unix_ns;
    mesh_error err;
    int64_t soon = mesh_now_ns() + 500000;
    backend_client_check(mesh_sleep_until(&self->client->scope, soon, &err), &err);
  }
  bench_die("papergate logs no %s within %d s", name, BENCH_WAIT_S);
}

// Starts a load that waits for its bars; copies its name to `operation`.
static event_walk start_load(bench *self, char operation[OPERATION_MAX]) {
  int64_t from_s = first_day_s + self->loads++ * day_s;
  event_walk walk = {
      .call = backend_client_load(self->client, "SYNCANCEL", "1h", from_s, from_s + day_s)};
  mesh_event event;
  if (!event_walk_next(&walk, &event)) bench_die("a load ends before it begins");
  snprintf(operation, OPERATION_MAX, "%.*s", (int)event.operation.size_bytes,
           (const char *)event.operation.data);
  logged_ns(self, "reqHistoricalData");
  return walk;
}

static void drain(event_walk *walk) {
  mesh_event event;
  while (event_walk_next(walk, &event)) {
  }
  mesh_call_close(walk->call);
}

// OperationsService/Cancel, then both streams to their ends.
static int64_t cancel_by_call(bench *self) {
  char operation[OPERATION_MAX];
  event_walk load = start_load(self, operation);
  int64_t start = mesh_wall_ns();
  event_walk cancel = {.call = backend_client_cancel(self->client, operation)};
  int64_t wait_ns = logged_ns(self, "cancelHistoricalData") - start;
  drain(&cancel);
  drain(&load);
  return wait_ns;
}

// The client goes away.
static int64_t cancel_by_drop(bench *self) {
  char operation[OPERATION_MAX];
  event_walk load = start_load(self, operation);
  int64_t start = mesh_wall_ns();
  mesh_call_close(load.call);
  return logged_ns(self, "cancelHistoricalData") - start;
}

static int64_t cancel_plain(bench *self, int fd, int64_t request) {
  tws_request_bars(fd, request, "SYNPLAIN");
  logged_ns(self, "reqHistoricalData");
  int64_t start = mesh_wall_ns();
  tws_cancel_bars(fd, request);
  return logged_ns(self, "cancelHistoricalData") - start;
}

static void measure(backend_client *client, void *arg) {
  bench *self = arg;
  self->client = client;
  int plain = tws_connect(self->mesh->gateway_port, 77);
  for (int i = 0; i < cancels(); i++) {
    self->by_call.waits_ns[i] = cancel_by_call(self);
    self->by_drop.waits_ns[i] = cancel_by_drop(self);
    self->plain.waits_ns[i] = cancel_plain(self, plain, i + 1);
  }
  close(plain);
}

static double percentile_ms(const series *self, double percent) {
  return (double)bench_percentile(self->waits_ns, (size_t)cancels(), percent) / 1e6;
}

static void print(series *self) {
  bench_sort(self->waits_ns, (size_t)cancels());
  printf("  %-34s p50 %.3f ms  p99 %.3f ms  max %.3f ms\n", self->name, percentile_ms(self, 50),
         percentile_ms(self, 99), (double)self->waits_ns[cancels() - 1] / 1e6);
}

static bool judge(const series *self) {
  bool p50 = bench_target(self->name, percentile_ms(self, 50), BENCH_AT_MOST, 1, "ms (p50)");
  bool p99 = bench_target(self->name, percentile_ms(self, 99), BENCH_AT_MOST, 5, "ms (p99)");
  return p50 && p99;
}

static int report(bench *self) {
  printf("%d cancels each, in turn\n", cancels());
  print(&self->by_call);
  print(&self->by_drop);
  print(&self->plain);
  printf("  all layers take %.1f x the p50 of the plain socket, and %.1f x\n",
         percentile_ms(&self->by_call, 50) / percentile_ms(&self->plain, 50),
         percentile_ms(&self->by_drop, 50) / percentile_ms(&self->plain, 50));
  bool by_call = judge(&self->by_call), by_drop = judge(&self->by_drop);
  return by_call && by_drop ? 0 : 1;
}

int main(void) {
  static const char *const slow[] = {"--latency-ms", "60000", NULL};
  bench_mesh mesh;
  bench_mesh_start(&mesh, slow, (const char *[]){NULL});
  bench self = {.mesh = &mesh,
                .log = fopen(mesh.gateway_log, "r"),
                .by_call.name = "OperationsService/Cancel, 5 hops",
                .by_drop.name = "the client goes away, 5 hops",
                .plain.name = "a plain TWS socket, 1 hop"};
  if (self.log == NULL) bench_die("%s: %s", mesh.gateway_log, strerror(errno));
  backend_client_run(mesh.backend_address, measure, &self);
  int code = report(&self);
  fclose(self.log);
  bench_mesh_stop(&mesh);
  return code;
}
