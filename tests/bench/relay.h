// bench: what the chains of the relay benchmark have in common. A chain streams events from a host
// to a reader, each in a process of its own; every function here runs in its process until the end.
#ifndef MILLRACE_TESTS_BENCH_RELAY_H
#define MILLRACE_TESTS_BENCH_RELAY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RELAY_MAX_LATENCIES = 100000 };

// What a reader asks a host for; also its request on the plain chain, as bytes.
typedef struct relay_plan {
  int64_t events;
  int64_t gap_ns;  // between two events; 0: as fast as the reader takes them
} relay_plan;

// What a reader saw. In memory that it shares with the benchmark.
typedef struct relay_result {
  relay_plan plan;
  const char *address;  // of the server that the reader calls
  int64_t events, messages;
  double elapsed_s, cpu_s;
  int64_t latencies_ns[RELAY_MAX_LATENCIES];  // of paced events, in order of arrival
} relay_result;

// Counts one event that its host stamped with `sent_ns` (monotonic).
void relay_arrived(relay_result *result, int64_t sent_ns);

typedef struct relay_chain {
  const char *name;
  void (*serve)(void *address);                           // the host
  void (*relay)(const char *address, const char *below);  // NULL: a single hop
  void (*read)(void *result);                             // fills a relay_result
} relay_chain;

// Client, backend (DataService, DataManager, DataAdapter and one more, joined by in-process
// links), host: five hops of mesh. An event is an OperationEvent with a Progress.
extern const relay_chain relay_mesh;

// One hop of gRPC's C core: one message of 100 bytes an event.
extern const relay_chain relay_core;

// One hop of libgrpc++'s synchronous API: the same OperationEvent, as generated C++ code.
extern const relay_chain relay_cpp;

// Waits until `due_ns` (monotonic) on this thread.
void relay_pace(int64_t due_ns);

#ifdef __cplusplus
}
#endif

#endif
