// How fast events move through the mesh: five hops of it against one hop of its peers, in the same
// run. Every round asks each chain once, in turn, so that a slow moment of the machine hits all.
#include "tests/bench/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/bench/child.h"
#include "tests/bench/measure.h"

enum { ROUNDS = 5, CHAINS = 3 };

static int rounds(void) {
  return bench_size(ROUNDS, 1);
}

static relay_plan flood(void) {
  return (relay_plan){.events = bench_size(300000, 5000)};
}

static relay_plan paced(void) {
  return (relay_plan){.events = bench_size(4000, 50), .gap_ns = 300000};
}

void relay_arrived(relay_result *result, int64_t sent_ns) {
  if (result->plan.gap_ns > 0 && result->events < RELAY_MAX_LATENCIES) {
    result->latencies_ns[result->events] = bench_now_ns() - sent_ns;
  }
  result->events++;
}

void relay_pace(int64_t due_ns) {
  struct timespec due = {.tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0) {
  }
}

// Microseconds of CPU for an event.
typedef struct cpu_use {
  double host, backend, client;
} cpu_use;

// A chain that runs, and what was measured of it.
typedef struct chain {
  const relay_chain *kind;
  char *host_path, *top_path;  // unix sockets
  char *host_address, *top_address;
  pid_t host, backend;  // backend: 0 in a chain of a single hop
  relay_result *result;
  double rates[ROUNDS], p50_ms[ROUNDS], p99_ms[ROUNDS];
  cpu_use flooded, paced;
} chain;

static void run_relay(void *arg) {
  chain *self = arg;
  self->kind->relay(self->top_address, self->host_address);
}

static void start_chain(chain *self, const char *directory, const char *number) {
  self->host_path = bench_text("%s/%s-host.sock", directory, number);
  self->host_address = bench_text("unix:%s", self->host_path);
  self->host = bench_fork(self->kind->serve, self->host_address);
  bench_wait_for_socket(self->host_path);
  self->result = bench_shared(sizeof *self->result);
  self->result->address = self->host_address;
  if (self->kind->relay == NULL) return;

  self->top_path = bench_text("%s/%s-top.sock", directory, number);
  self->top_address = bench_text("unix:%s", self->top_path);
  self->backend = bench_fork(run_relay, self);
  bench_wait_for_socket(self->top_path);
  self->result->address = self->top_address;
}

static void stop_chain(chain *self) {
  bench_end(self->backend);
  bench_end(self->host);
  free(self->host_path);
  free(self->host_address);
  free(self->top_path);
  free(self->top_address);
}

static double own_cpu_s(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run_client(void *arg) {
  chain *self = arg;
  int64_t start = bench_now_ns();
  self->kind->read(self->result);
  self->result->elapsed_s = (double)(bench_now_ns() - start) / 1e9;
  self->result->cpu_s = own_cpu_s();
}

static double cpu_of(pid_t pid) {
  return pid > 0 ? bench_cpu_s(pid) : 0;
}

// Runs one client to its end; result->plan.events must have arrived.
static cpu_use ask(chain *self, relay_plan plan) {
  relay_result *result = self->result;
  result->plan = plan;
  result->events = result->messages = 0;
  double host = cpu_of(self->host), backend = cpu_of(self->backend);
  int code = bench_wait(bench_fork(run_client, self));
  if (code != 0 || result->events != plan.events) {
    bench_die("%s: %lld of %lld events arrived, the client ended with %d", self->kind->name,
              (long long)result->events, (long long)plan.events, code);
  }
  double each = 1e6 / (double)plan.events;
  return (cpu_use){(cpu_of(self->host) - host) * each, (cpu_of(self->backend) - backend) * each,
                   result->cpu_s * each};
}

static void measure_flood(chain *self, int round) {
  self->flooded = ask(self, flood());
  self->rates[round] = (double)flood().events / self->result->elapsed_s;
  printf("  round %d  %-31s %9.0f events/s  %7lld messages\n", round + 1, self->kind->name,
         self->rates[round], (long long)self->result->messages);
}

static void measure_paced(chain *self, int round) {
  self->paced = ask(self, paced());
  int64_t *sorted = self->result->latencies_ns;
  bench_sort(sorted, (size_t)paced().events);
  self->p50_ms[round] = (double)bench_percentile(sorted, (size_t)paced().events, 50) / 1e6;
  self->p99_ms[round] = (double)bench_percentile(sorted, (size_t)paced().events, 99) / 1e6;
  printf("  round %d  %-31s p50 %.3f ms  p99 %.3f ms\n", round + 1, self->kind->name,
         self->p50_ms[round], self->p99_ms[round]);
}

typedef struct summary {
  double rate, p50_ms, p99_ms;
} summary;

static void print_cpu(const char *when, const cpu_use *use) {
  printf("    CPU for an event, %s: host %.2f us, backend %.2f us, client %.2f us\n", when,
         use->host, use->backend, use->client);
}

static summary summarize(chain *self) {
  summary medians = {bench_median(self->rates, (size_t)rounds()),
                     bench_median(self->p50_ms, (size_t)rounds()),
                     bench_median(self->p99_ms, (size_t)rounds())};
  printf("  %-31s %9.0f events/s  p50 %.3f ms  p99 %.3f ms\n", self->kind->name, medians.rate,
         medians.p50_ms, medians.p99_ms);
  print_cpu("flood", &self->flooded);
  print_cpu("paced", &self->paced);
  return medians;
}

static int report(chain chains[CHAINS]) {
  printf("medians of %d rounds\n", rounds());
  summary mesh = summarize(&chains[0]);
  for (int i = 1; i < CHAINS; i++) {
    summary peer = summarize(&chains[i]);
    printf("    the mesh has %.2f x its events/s and %.2f x its p50\n", mesh.rate / peer.rate,
           mesh.p50_ms / peer.p50_ms);
  }
  bool reached = bench_target("five hops", mesh.rate, BENCH_AT_LEAST, 150000, "events/s");
  reached &= bench_target("five hops, p50", mesh.p50_ms, BENCH_AT_MOST, 0.25, "ms");
  reached &= bench_target("five hops, p99", mesh.p99_ms, BENCH_AT_MOST, 1, "ms");
  return reached ? 0 : 1;
}

int main(void) {
  static const char *numbers[CHAINS] = {"a", "b", "c"};
  chain chains[CHAINS] = {{.kind = &relay_mesh}, {.kind = &relay_core}, {.kind = &relay_cpp}};
  char *directory = bench_make_directory();
  for (int i = 0; i < CHAINS; i++)
    start_chain(&chains[i], directory, numbers[i]);

  printf("flood: %lld events, as fast as the reader takes them\n", (long long)flood().events);
  for (int round = 0; round < rounds(); round++) {
    for (int i = 0; i < CHAINS; i++)
      measure_flood(&chains[i], round);
  }
  printf("paced: %lld events, one every %.1f ms\n", (long long)paced().events,
         (double)paced().gap_ns / 1e6);
  for (int round = 0; round < rounds(); round++) {
    for (int i = 0; i < CHAINS; i++)
      measure_paced(&chains[i], round);
  }

  int code = report(chains);
  for (int i = 0; i < CHAINS; i++)
    stop_chain(&chains[i]);
  bench_remove_directory(directory);
  free(directory);
  return code;
}
