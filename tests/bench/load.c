// How fast bars get from the gateway's socket into committed rows, through every layer, against
// reading the same bars from the same gateway with @stoqey/ib, which stores nothing.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "millrace/v1/operation.pb-c.h"
#include "tests/bench/backend_client.h"
#include "tests/bench/child.h"
#include "tests/bench/measure.h"
#include "tests/bench/mesh_processes.h"

enum { ROUNDS = 3, BARS = 1000000, PEER_BARS = 100800, OUTCOME_PAYLOAD = 14, PROCESSES = 3 };

static const int64_t start_s = 1420070400, minute_s = 60;  // 2015-01-01

static int rounds(void) {
  return bench_size(ROUNDS, 1);
}

static int bars_wanted(void) {
  return bench_size(BARS, 2880);
}

static int peer_bars_wanted(void) {
  return bench_size(PEER_BARS, 1440);
}

typedef struct load {
  const char *symbol;
  double elapsed_s;
  int64_t segments, requests;
} load;

// Checks that the load succeeded with every bar, and notes what it did.
static void take_outcome(load *self, mesh_view body) {
  Millrace__V1__Outcome *outcome = millrace__v1__outcome__unpack(NULL, body.size_bytes, body.data);
  if (outcome == NULL) bench_die("an unreadable outcome");
  if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_FAILED) {
    bench_die("the load failed: %s", outcome->failed->message);
  }
  if (outcome->outcome_case != MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED ||
      outcome->succeeded->result_case != MILLRACE__V1__SUCCEEDED__RESULT_LOAD) {
    bench_die("the load did not succeed");
  }
  const Millrace__V1__LoadResult *result = outcome->succeeded->load;
  if (result->bars_stored != bars_wanted()) {
    bench_die("%" PRId64 " of %d bars stored: %s", result->bars_stored, bars_wanted(),
              result->missing_reason);
  }
  self->segments = result->segments_stored;
  self->requests = result->requests;
  millrace__v1__outcome__free_unpacked(outcome, NULL);
}

static void run_load(backend_client *client, void *arg) {
  load *self = arg;
  int64_t start = mesh_now_ns();
  event_walk walk = {.call = backend_client_load(client, self->symbol, "1m", start_s,
                                                 start_s + bars_wanted() * minute_s)};
  mesh_event event;
  bool ended = false;
  while (event_walk_next(&walk, &event)) {
    if (event.payload != OUTCOME_PAYLOAD) continue;
    self->elapsed_s = (double)(mesh_now_ns() - start) / 1e9;
    take_outcome(self, event.body);
    ended = true;
  }
  if (!ended) bench_die("the load ended without an outcome");
  mesh_call_close(walk.call);
}

// ---- The peer ----

// True if @stoqey/ib is installed where tools/setup puts it; node then finds it.
static bool find_peer(void) {
  const char *workspace = getenv("BUILD_WORKSPACE_DIRECTORY");  // set by bazel run
  char *modules = bench_text("%s/tests/interop/node_modules", workspace == NULL ? "." : workspace);
  char *package = bench_text("%s/@stoqey/ib/package.json", modules);
  bool found = access(package, R_OK) == 0;
  if (!found) printf("  %s is not there (tools/setup): no peer in this run\n", package);
  setenv("NODE_PATH", modules, 1);
  free(package);
  free(modules);
  return found;
}

// Bars a second of the peer, which asks for `seconds` at a time.
static double run_peer(const bench_mesh *mesh, int64_t seconds) {
  char *output = bench_text("%s/stoqey-%" PRId64 ".out", mesh->home, seconds);
  char *port = bench_text("%d", mesh->gateway_port);
  char *bars_text = bench_text("%d", peer_bars_wanted()),
       *seconds_text = bench_text("%" PRId64, seconds);
  const char *argv[] = {"/usr/bin/env", "node", "tests/bench/load_stoqey.js",
                        port,           "SYNA", bars_text,
                        seconds_text,   NULL};
  int code = bench_wait(bench_spawn(argv, output));
  FILE *file = fopen(output, "r");
  if (file == NULL) bench_die("%s: %s", output, strerror(errno));
  int64_t bars = 0;
  double elapsed_s = 0;
  int found = fscanf(file, "{\"bars\":%" SCNd64 ",\"elapsed\":%lf}", &bars, &elapsed_s);
  fclose(file);
  if (code != 0 || found != 2 || bars < peer_bars_wanted()) {
    bench_die("@stoqey/ib ended with %d and %" PRId64 " of %d bars", code, bars,
              peer_bars_wanted());
  }
  printf("  @stoqey/ib, %5" PRId64 " bars a request: %" PRId64 " bars in %.3f s: %.0f bars/s\n",
         seconds / minute_s, bars, elapsed_s, (double)bars / elapsed_s);
  free(seconds_text);
  free(bars_text);
  free(port);
  free(output);
  return (double)bars / elapsed_s;
}

// The peer with requests as large as the mesh's, which is what the target is about, and with
// others: the time that its decoder takes grows with the square of a reply's size.
static bool compare(const bench_mesh *mesh, double rate, int64_t segments) {
  static const int64_t others[] = {3600, 14400, 432000};
  if (!find_peer()) return false;
  double same = run_peer(mesh, (bars_wanted() * minute_s / segments + 43200) / 86400 * 86400),
         best = same;
  for (int i = 0; i < bench_size(sizeof others / sizeof others[0], 2); i++) {  // the last is slow
    double other = run_peer(mesh, others[i]);
    if (other > best) best = other;
  }
  printf("  the mesh is %.2f x as fast as the peer's best\n", rate / best);
  return bench_target("against @stoqey/ib with equal requests", rate / same, BENCH_AT_LEAST, 20,
                      "x");
}

// ---- All of it ----

typedef struct usage {
  double cpu_s[PROCESSES];
} usage;

static usage usage_now(const bench_mesh *mesh) {
  return (usage){{bench_cpu_s(mesh->gateway), bench_cpu_s(mesh->host), bench_cpu_s(mesh->backend)}};
}

static double measure_load(const bench_mesh *mesh, load *self) {
  usage before = usage_now(mesh);
  backend_client_run(mesh->backend_address, run_load, self);
  usage after = usage_now(mesh);
  double rate = bars_wanted() / self->elapsed_s;
  printf("  millrace, %s: %d bars in %.3f s: %.0f bars/s; %" PRId64 " segments, %" PRId64
         " requests\n",
         self->symbol, bars_wanted(), self->elapsed_s, rate, self->segments, self->requests);
  printf("    CPU: papergate %.2f s, ib-host %.2f s, backend %.2f s\n",
         after.cpu_s[0] - before.cpu_s[0], after.cpu_s[1] - before.cpu_s[1],
         after.cpu_s[2] - before.cpu_s[2]);
  return rate;
}

// The median of the rounds on a mesh of its own, whose IB host has these flags.
static double measure_rounds(bench_mesh *mesh, const char *const *host_flags, load *last) {
  static const char *const symbols[ROUNDS] = {"SYNA", "SYNB", "SYNC"};
  double rates[ROUNDS];
  bench_mesh_start(mesh, (const char *[]){NULL}, host_flags);
  for (int round = 0; round < rounds(); round++) {
    *last = (load){.symbol = symbols[round]};
    rates[round] = measure_load(mesh, last);
  }
  return bench_median(rates, (size_t)rounds());
}

int main(void) {
  bench_mesh mesh;
  load last;
  printf("one-minute bars from papergate's socket to committed rows\n");
  printf("no limits:\n");
  double rate = measure_rounds(&mesh, (const char *[]){"--messages-per-s", "0", NULL}, &last);
  bool reached = bench_target("median load", rate, BENCH_AT_LEAST, 300000, "bars/s");
  reached &= compare(&mesh, rate, last.segments);
  bench_mesh_stop(&mesh);

  printf("the IB host paced as for a real gateway, as it is by default:\n");
  rate = measure_rounds(&mesh, (const char *[]){NULL}, &last);
  reached &= bench_target("median load", rate, BENCH_AT_LEAST, 300000, "bars/s");
  bench_mesh_stop(&mesh);
  return reached ? 0 : 1;
}
