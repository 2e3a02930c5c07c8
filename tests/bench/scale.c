// Many operations, many watchers: what each costs the backend in memory, how soon an event is with
// all watchers of one operation, and that both grow in proportion.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/child.h"
#include "tests/bench/counting.h"
#include "tests/bench/measure.h"

enum { WATCHERS = 10000, OPERATIONS = 1000, STEPS = 4, LINKS = 20, ROUNDS = 5, SEQUENCES = 4096 };

// A smoke run makes all of the operations: more than a program runs for one peer, were it not told
// otherwise. So are these watchers.
static int watchers_wanted(void) {
  return bench_size(WATCHERS, 2100);
}

static int rounds(void) {
  return bench_size(ROUNDS, 1);
}

// One durable event on its way to all watchers.
typedef struct fan_out {
  int heard;
  int64_t reported_ns, last_ns;
} fan_out;

typedef struct bench {
  const bench_counting *mesh;
  backend_client *client;
  mesh_link *links[LINKS];
  mesh_scope watching;  // of all watchers
  char operation[64];   // the one that is watched
  int watchers;         // that are attached
  int64_t newest;       // event
  fan_out events[SEQUENCES];
  mesh_signal changed;
  double watcher_kib[STEPS], operation_kib[STEPS], fan_out_ms[STEPS];
} bench;

typedef struct watcher {
  bench *self;
  int index;
} watcher;

// ---- watchers ----

static int64_t reported_ns(const mesh_event *event) {
  int64_t ns = 0;
  if (event->payload != MILLRACE__V1__OPERATION_EVENT__PAYLOAD_CHECKPOINT) return 0;
  Millrace__V1__Checkpoint *checkpoint =
      millrace__v1__checkpoint__unpack(NULL, event->body.size_bytes, event->body.data);
  memcpy(&ns, checkpoint->state.data, sizeof ns);
  millrace__v1__checkpoint__free_unpacked(checkpoint, NULL);
  return ns;
}

static void take_event(bench *self, const mesh_event *event) {
  if (event->event_class != MESH_DURABLE) return;
  if (event->sequence == 1) self->watchers++;
  if (event->sequence >= SEQUENCES) bench_die("the benchmark takes too long");
  fan_out *own = &self->events[event->sequence];
  if (own->heard++ == 0) own->reported_ns = reported_ns(event);
  own->last_ns = mesh_wall_ns();
  if (event->sequence > self->newest) self->newest = event->sequence;
  if (own->heard >= self->watchers) mesh_signal_notify(&self->changed);
}

static void watch(void *arg) {
  watcher own = *(watcher *)arg;
  free(arg);
  bench *self = own.self;
  Millrace__V1__WatchOperationRequest request = MILLRACE__V1__WATCH_OPERATION_REQUEST__INIT;
  request.name = self->operation;
  event_walk walk = {.call = backend_client_call(self->client, self->links[own.index % LINKS],
                                                 "/millrace.v1.OperationsService/Watch",
                                                 &request.base)};
  mesh_event event;
  while (self->watching.code == GRPC_STATUS_OK && event_walk_next(&walk, &event))
    take_event(self, &event);
  mesh_call_close(walk.call);
}

static void await_watchers(bench *self, int wanted) {
  mesh_error err;
  while (self->watchers < wanted) {
    backend_client_check(mesh_signal_wait(&self->changed, &self->client->scope, MESH_NEVER, &err),
                         &err);
  }
}

static void add_watchers(bench *self, int wanted) {
  for (int i = self->watchers; i < wanted; i++) {
    watcher *own = malloc(sizeof *own);
    if (own == NULL) bench_die("out of memory");
    *own = (watcher){self, i};
    mesh_fiber_start(&self->watching, watch, own);
  }
  await_watchers(self, wanted);
}

// The median of some events: from the host's report to the last watcher.
static double measure_fan_out(bench *self) {
  int64_t first = self->newest + 1, took_ns[ROUNDS];
  mesh_error err;
  for (int i = 0; i < rounds(); i++) {
    fan_out *own = &self->events[first + i];
    while (own->heard < self->watchers) {
      backend_client_check(mesh_signal_wait(&self->changed, &self->client->scope, MESH_NEVER, &err),
                           &err);
    }
    took_ns[i] = own->last_ns - own->reported_ns;
  }
  bench_sort(took_ns, (size_t)rounds());
  return (double)took_ns[rounds() / 2] / 1e6;
}

static double memory_kib(const bench *self) {
  return (double)bench_memory(self->mesh->backend) / 1024;
}

// ---- operations ----

// Starts a count that makes a step every `step_us`; copies its name.
static void start_operation(bench *self, int64_t step_us, char name[64]) {
  Millrace__Test__V1__CountRequest request = MILLRACE__TEST__V1__COUNT_REQUEST__INIT;
  request.to = INT64_C(1) << 40;
  request.step_us = step_us;
  request.checkpoint_every = 1;
  request.quiet = true;
  event_walk walk = {.call = bench_count(self->client, self->links[0], &request, true)};
  mesh_event event;
  if (!event_walk_next(&walk, &event)) bench_die("a count ends before it begins");
  snprintf(name, 64, "%.*s", (int)event.operation.size_bytes, (const char *)event.operation.data);
  mesh_call_close(walk.call);
}

static void measure_operations(bench *self) {
  char name[64];
  start_operation(self, 60000000, name);  // what the first one costs is not a running one's
  double before_kib = memory_kib(self);
  for (int step = 0; step < STEPS; step++) {
    for (int i = 0; i < OPERATIONS / STEPS; i++)
      start_operation(self, 60000000, name);
    self->operation_kib[step] = memory_kib(self) - before_kib;
  }
}

static void measure_watchers(bench *self) {
  start_operation(self, bench_size(1000000, 100000), self->operation);
  add_watchers(self, LINKS);  // the links are made
  measure_fan_out(self);
  double before_kib = memory_kib(self);
  for (int step = 0; step < STEPS; step++) {
    add_watchers(self, watchers_wanted() / STEPS * (step + 1));
    self->watcher_kib[step] = memory_kib(self) - before_kib;
    self->fan_out_ms[step] = measure_fan_out(self);
  }
}

static void measure(backend_client *client, void *arg) {
  bench *self = arg;
  mesh_error err;
  self->client = client;
  for (int i = 0; i < LINKS; i++) {
    backend_client_check(
        mesh_link_open(client->loop, "backend", self->mesh->backend_address, &self->links[i], &err),
        &err);
  }
  mesh_scope_open(&self->watching, &client->scope);
  measure_operations(self);
  measure_watchers(self);
  mesh_scope_cancel(&self->watching, GRPC_STATUS_CANCELLED, "the benchmark is over");
  mesh_scope_cancel(&client->scope, GRPC_STATUS_CANCELLED, "the benchmark is over");
  mesh_scope_close(&self->watching);
  for (int i = 0; i < LINKS; i++)
    mesh_link_close(self->links[i]);
}

// ---- report ----

static void plot(const char *what, const double *values, int each, const char *unit) {
  printf("  %s\n", what);
  for (int step = 0; step < STEPS; step++) {
    double share = values[STEPS - 1] > 0 ? values[step] / values[STEPS - 1] : 0;
    int count = each * (step + 1), bar = share > 0 && share < 2 ? (int)(40 * share + 0.5) : 0;
    printf("  %6d  %-40.*s %9.1f %s  %.3f each\n", count, bar,
           "########################################", values[step], unit, values[step] / count);
  }
}

// How far the first quarter lies from its share of the whole, as a ratio.
static double straightness(const double *values) {
  return values[0] * STEPS / values[STEPS - 1];
}

static int report(const bench *self) {
  plot("memory of the backend, by running operations", self->operation_kib, OPERATIONS / STEPS,
       "KiB");
  plot("memory of the backend, by idle watchers of one operation", self->watcher_kib,
       watchers_wanted() / STEPS, "KiB");
  plot("one durable event, from the host to the last watcher", self->fan_out_ms,
       watchers_wanted() / STEPS, "ms");
  printf("  a quarter costs %.2f, %.2f and %.2f x a quarter of the whole\n",
         straightness(self->operation_kib), straightness(self->watcher_kib),
         straightness(self->fan_out_ms));
  bool reached = true;
  reached &= bench_target("memory of a running operation",
                          self->operation_kib[STEPS - 1] / OPERATIONS, BENCH_AT_MOST, 256, "KiB");
  reached &=
      bench_target("memory of an idle watcher", self->watcher_kib[STEPS - 1] / watchers_wanted(),
                   BENCH_AT_MOST, 32, "KiB");
  reached &= bench_target("an event to 10,000 watchers", self->fan_out_ms[STEPS - 1], BENCH_AT_MOST,
                          250, "ms");
  return reached ? 0 : 1;
}

int main(void) {
  bench_counting mesh;
  bench_counting_start(&mesh);
  bench *self = calloc(1, sizeof *self);
  if (self == NULL) bench_die("out of memory");
  self->mesh = &mesh;
  backend_client_run(mesh.backend_address, measure, self);
  int code = report(self);
  free(self);
  bench_counting_stop(&mesh);
  return code;
}
