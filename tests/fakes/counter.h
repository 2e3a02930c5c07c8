// counter: a work that counts, with checkpoints, for the tests of relayed operations: the host's
// side of it. protos/millrace/test/v1/counter.proto says what it can be asked to do.
#ifndef MILLRACE_TESTS_FAKES_COUNTER_H
#define MILLRACE_TESTS_FAKES_COUNTER_H

#include "mesh/operation/hosted.h"
#include "mesh/rpc/service.h"

typedef struct counter_host {
  mesh_service service;  // millrace.test.v1.CounterHost: add this one to a server
  mesh_hosted hosted;
  int begun;             // works that have begun
  int64_t steps;         // of all works
  int64_t cancel_ns;     // when a work last heard of a cancel, since 1970
  const char *log_path;  // gets a line "begin NAME FROM", "step NAME N" or "end NAME N CODE" each;
                         // NULL: none
} counter_host;

// Prepares the caller's storage.
void counter_host_init(counter_host *host, mesh_loop *loop);
void counter_host_fini(counter_host *host);

#endif
