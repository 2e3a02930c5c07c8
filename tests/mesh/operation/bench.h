// For tests: operations behind a server, so that watchers are real calls.
#ifndef MILLRACE_TESTS_MESH_OPERATION_BENCH_H
#define MILLRACE_TESTS_MESH_OPERATION_BENCH_H

#include "mesh/operation/operation.h"
#include "mesh/rpc/server.h"
#include "tests/mesh/harness.h"
#include "tests/mesh/operation/memory_journal.h"

enum { MS = 1000000, PAYLOAD_LOG = 12 };

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

enum {
  ACCEPTED = PAYLOAD(ACCEPTED),
  LOG = PAYLOAD_LOG,
  CANCEL_REQUESTED = PAYLOAD(CANCEL_REQUESTED),
};

typedef struct bench {
  harness *test;
  memory_journal journal;
  mesh_operations *operations;
  mesh_schema *schema;
  mesh_server *server;
  mesh_service service;
  mesh_link *link;
  mesh_signal go;  // lets the work take its next step
  int ended;       // calls of on_end
  bool attach;     // what the next Run asks for
  const char *work_key, *request_id, *kind;
  mesh_view checkpoint;  // what the next Run goes on from
  mesh_work work;
  char name[MESH_OPERATION_NAME_MAX];
  const char *joined;
  Millrace__V1__StartOptions options;
  mesh_operation *running;  // what three_steps works for
} bench;

typedef struct bench_row {
  const char *name;
  void (*run)(bench *own);
} bench_row;

// Runs the row that *state is with a bench of its own, in a fiber.
void bench_check(void **state);

// Reports a log.
mesh_code report_text(mesh_operation *operation, const char *text, mesh_error *err);

// A bench's own work: reports three logs, each after a `go`, and succeeds.
mesh_code three_steps(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                      Millrace__V1__Cancelled *cancelled, mesh_error *err);

// Opens a call of "/test.Bench/Run" (starts the work, or joins it) or "/test.Bench/Watch", whose
// request is the number of the event after which it begins. The caller closes it.
mesh_call *open_call(bench *own, const char *method, const char *request);

// The next event of a call; payload 0 at the end of the stream.
mesh_event next_event(mesh_call *call);

// Takes the next event, and says which one it must be.
void expect(mesh_call *call, int64_t sequence, uint32_t payload);

// Takes the outcome and the end of the stream; the caller frees it.
Millrace__V1__Outcome *expect_outcome(mesh_call *call, int64_t sequence);

// Lets the work take its next step, once it waits for that.
void step(bench *own);

// Waits until the work has ended, once.
void wait_for_end(bench *own);

#endif
