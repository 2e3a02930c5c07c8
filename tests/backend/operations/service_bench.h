// For tests: both services of operations behind a server, called with JSON.
#ifndef MILLRACE_TESTS_BACKEND_OPERATIONS_SERVICE_BENCH_H
#define MILLRACE_TESTS_BACKEND_OPERATIONS_SERVICE_BENCH_H

#include "backend/operations/longrunning.h"
#include "backend/operations/service.h"
#include "mesh/operation/memory_journal.h"
#include "mesh/rpc/server.h"
#include "tests/mesh/harness.h"

enum { ANSWERS_MAX = 16 };

typedef struct service_bench {
  harness *test;
  mesh_memory_journal *journal;
  mesh_operations *operations;
  operations_service service;
  longrunning_service longrunning;
  mesh_schema *schema;
  mesh_server *server;
  mesh_link *link;
  mesh_signal go;              // lets the oldest work that waits for it take its next step
  char *answers[ANSWERS_MAX];  // of the last call, as JSON
  int count;
  mesh_error err;  // of the last call
} service_bench;

void service_bench_init(service_bench *own, harness *test);
void service_bench_fini(service_bench *own);

// Starts a detached operation of kind "test" that has a label "team" (NULL: none): a checkpoint,
// and, after a `go`, its end. A title "broken" fails then.
void service_bench_start(service_bench *own, const char *name, const char *title, const char *team);

// Lets one operation go to its end, and waits for that.
void service_bench_finish(service_bench *own, const char *name);

// Calls "millrace.v1.OperationsService/Get" and so on; waits for all answers; returns the status.
mesh_code service_bench_call(service_bench *own, const char *method, const char *json);

// The same, without waiting: the caller closes the call.
mesh_call *service_bench_open(service_bench *own, const char *method, const char *json);
mesh_code service_bench_take(service_bench *own, mesh_call *call, const char *method);

#endif
