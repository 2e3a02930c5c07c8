// Durable operations as a client sees them, over CLI -> service -> manager -> adapter -> host: how
// soon a durable event arrives, how soon a cancel is at the host's work, how many operations can be
// started a second. The peers in the same run: events that are not durable, a cancel that goes to
// the host alone.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/child.h"
#include "tests/bench/counting.h"
#include "tests/bench/measure.h"

enum { EVENTS = 2000, CANCELS = 300, STARTERS = 32, STARTS_MAX = 100000 };

// In a smoke run more are started and left than one peer may leave without what counting.c lifts.
enum { LONE_STARTS = 500 };

typedef struct samples {
  int64_t ns[STARTS_MAX];
  size_t count;
} samples;

typedef struct bench {
  const bench_counting *mesh;
  backend_client *client;
  mesh_link *host;  // past all layers
  samples durable, mergeable, cancels, plain_cancels, starts, lone_starts;
  int64_t starts_until_ns;
  double starts_per_s;
} bench;

static void add(samples *to, int64_t ns) {
  if (to->count < STARTS_MAX) to->ns[to->count++] = ns;
}

// ---- how soon an event arrives ----

// The counter puts the wall time of each report into it.
static int64_t reported_ns(const mesh_event *event) {
  int64_t ns = 0;
  if (event->payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_CHECKPOINT) {
    Millrace__V1__Checkpoint *checkpoint =
        millrace__v1__checkpoint__unpack(NULL, event->body.size_bytes, event->body.data);
    memcpy(&ns, checkpoint->state.data, sizeof ns);
    millrace__v1__checkpoint__free_unpacked(checkpoint, NULL);
  } else if (event->payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS) {
    Millrace__V1__Progress *progress =
        millrace__v1__progress__unpack(NULL, event->body.size_bytes, event->body.data);
    ns = strtoll(progress->note, NULL, 10);
    millrace__v1__progress__free_unpacked(progress, NULL);
  }
  return ns;
}

static void measure_events(bench *self, int64_t checkpoint_every, samples *to) {
  Millrace__Test__V1__CountRequest request = MILLRACE__TEST__V1__COUNT_REQUEST__INIT;
  request.to = bench_size(EVENTS, 20);
  request.step_us = 1000;
  request.checkpoint_every = checkpoint_every;
  uint32_t payload = checkpoint_every > 0 ? MILLRACE__V1__OPERATION_EVENT__PAYLOAD_CHECKPOINT
                                          : MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS;
  event_walk walk = {.call = bench_count(self->client, self->client->link, &request, false)};
  mesh_event event;
  while (event_walk_next(&walk, &event)) {
    if (event.payload == payload) add(to, mesh_wall_ns() - reported_ns(&event));
  }
  mesh_call_close(walk.call);
}

// ---- how soon a cancel is at the work ----

// When the host's work stopped; 0 if the cancel came before it had begun.
static int64_t stopped_ns(const Millrace__V1__Outcome *outcome) {
  if (outcome == NULL || outcome->outcome_case != MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED) {
    bench_die("a count that was cancelled ends otherwise");
  }
  if (outcome->cancelled->n_stops == 0) return 0;
  const Google__Protobuf__Timestamp *at = outcome->cancelled->stops[0]->time;
  return at->seconds * 1000000000 + at->nanos;
}

static int64_t await_stop(event_walk *walk) {
  mesh_event event;
  int64_t ns = 0;
  while (event_walk_next(walk, &event)) {
    if (event.payload != MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME) continue;
    Millrace__V1__Outcome *outcome =
        millrace__v1__outcome__unpack(NULL, event.body.size_bytes, event.body.data);
    ns = stopped_ns(outcome);
    millrace__v1__outcome__free_unpacked(outcome, NULL);
  }
  return ns;
}

// Cancels a count that has had `wait_ns` to get to the host; 0 if that was too short.
static int64_t cancel_after(bench *self, mesh_link *link, const char *count, const char *cancel,
                            int64_t wait_ns) {
  Millrace__Test__V1__CountRequest request = MILLRACE__TEST__V1__COUNT_REQUEST__INIT;
  request.to = INT64_C(1) << 40;
  request.step_us = 60000000;
  uint8_t packed[64];
  static int number;
  char name[32];
  snprintf(name, sizeof name, "plain-%d", ++number);
  Millrace__V1__RunRequest run = MILLRACE__V1__RUN_REQUEST__INIT;
  run.operation = name;
  run.request.data = packed;
  run.request.len = millrace__test__v1__count_request__pack(&request, packed);
  bool plain = link == self->host;
  event_walk walk = {.call = plain ? backend_client_call(self->client, link, count, &run.base)
                                   : bench_count(self->client, link, &request, false)};
  mesh_event event;
  if (!event_walk_next(&walk, &event)) bench_die("a count ends before it begins");
  char operation[64];
  snprintf(operation, sizeof operation, "%.*s", (int)event.operation.size_bytes,
           (const char *)event.operation.data);
  mesh_error err;
  int64_t soon_ns = mesh_now_ns() + wait_ns;
  backend_client_check(mesh_sleep_until(&self->client->scope, soon_ns, &err), &err);
  Millrace__V1__CancelOperationRequest ask = MILLRACE__V1__CANCEL_OPERATION_REQUEST__INIT;
  ask.name = operation;
  int64_t began_ns = mesh_wall_ns();
  event_walk asking = {.call = backend_client_call(self->client, link, cancel, &ask.base)};
  int64_t at_ns = await_stop(&asking);
  mesh_call_close(asking.call);
  mesh_call_close(walk.call);
  return at_ns == 0 ? 0 : at_ns - began_ns;
}

// Nothing tells a client that the work has begun: most are there after 3 ms, on a machine that is
// busy later.
static int64_t cancel_one(bench *self, mesh_link *link, const char *count, const char *cancel) {
  for (int64_t wait_ns = 3000000; wait_ns < INT64_C(10000000000); wait_ns *= 2) {
    int64_t took_ns = cancel_after(self, link, count, cancel, wait_ns);
    if (took_ns != 0) return took_ns;
  }
  bench_die("no count begins at the host within 6 s");
}

static void measure_cancels(bench *self) {
  for (int i = 0; i < bench_size(CANCELS, 5); i++) {
    add(&self->cancels,
        cancel_one(self, self->client->link, NULL, "/millrace.v1.OperationsService/Cancel"));
    add(&self->plain_cancels, cancel_one(self, self->host, "/millrace.test.v1.CounterHost/Run",
                                         "/millrace.test.v1.CounterHost/Cancel"));
  }
}

// ---- how many can be started ----

// One start: until its first event, which is in the journal by then.
static void start_one(bench *self, samples *to) {
  Millrace__Test__V1__CountRequest request = MILLRACE__TEST__V1__COUNT_REQUEST__INIT;
  int64_t began_ns = mesh_now_ns();
  event_walk walk = {.call = bench_count(self->client, self->client->link, &request, true)};
  mesh_event event;
  if (!event_walk_next(&walk, &event)) bench_die("a count ends before it begins");
  add(to, mesh_now_ns() - began_ns);
  mesh_call_close(walk.call);
}

static void start_many(void *arg) {
  bench *self = arg;
  while (mesh_now_ns() < self->starts_until_ns)
    start_one(self, &self->starts);
}

static void measure_starts(bench *self) {
  for (int i = 0; i < LONE_STARTS; i++)
    start_one(self, &self->lone_starts);
  int64_t began_ns = mesh_now_ns();
  self->starts_until_ns = began_ns + bench_size(2000, 50) * INT64_C(1000000);
  mesh_scope scope;
  mesh_scope_open(&scope, &self->client->scope);
  for (int i = 0; i < STARTERS; i++)
    mesh_fiber_start(&scope, start_many, self);
  mesh_scope_close(&scope);
  self->starts_per_s = (double)self->starts.count * 1e9 / (double)(mesh_now_ns() - began_ns);
}

// ---- report ----

static double percentile_ms(const samples *of, double percent) {
  return (double)bench_percentile(of->ns, of->count, percent) / 1e6;
}

static void print(const char *name, samples *of) {
  bench_sort(of->ns, of->count);
  printf("  %-36s %6zu  p50 %.3f ms  p99 %.3f ms\n", name, of->count, percentile_ms(of, 50),
         percentile_ms(of, 99));
}

static int report(bench *self) {
  print("a durable event, host to client", &self->durable);
  print("one that is not journalled", &self->mergeable);
  print("a cancel, client to the host's work", &self->cancels);
  print("a cancel of the host alone, 1 hop", &self->plain_cancels);
  print("a start, alone", &self->lone_starts);
  print("a start, 32 at a time", &self->starts);
  printf("  %.0f starts a second, each in the journal before it is answered\n", self->starts_per_s);
  printf("  durability costs %.2f x; all layers cost a cancel %.2f x\n",
         percentile_ms(&self->durable, 50) / percentile_ms(&self->mergeable, 50),
         percentile_ms(&self->cancels, 50) / percentile_ms(&self->plain_cancels, 50));
  bool reached = true;
  reached &= bench_target("durable event, five hops", percentile_ms(&self->durable, 50),
                          BENCH_AT_MOST, 0.8, "ms (p50)");
  reached &=
      bench_target("cancel", percentile_ms(&self->cancels, 50), BENCH_AT_MOST, 0.5, "ms (p50)");
  reached &=
      bench_target("cancel", percentile_ms(&self->cancels, 99), BENCH_AT_MOST, 2, "ms (p99)");
  reached &=
      bench_target("start", percentile_ms(&self->lone_starts, 50), BENCH_AT_MOST, 1, "ms (p50)");
  reached &= bench_target("starts", self->starts_per_s, BENCH_AT_LEAST, 3000, "a second");
  return reached ? 0 : 1;
}

static void measure(backend_client *client, void *arg) {
  bench *self = arg;
  self->client = client;
  mesh_error err;
  backend_client_check(
      mesh_link_open(client->loop, "counter-host", self->mesh->host_address, &self->host, &err),
      &err);
  measure_events(self, 1, &self->durable);
  measure_events(self, 0, &self->mergeable);
  measure_cancels(self);
  measure_starts(self);
  mesh_link_close(self->host);
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
