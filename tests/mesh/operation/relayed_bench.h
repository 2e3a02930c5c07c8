// For tests: a manager with a journal in memory, and a host behind a socket that counts.
#ifndef MILLRACE_TESTS_MESH_OPERATION_RELAYED_BENCH_H
#define MILLRACE_TESTS_MESH_OPERATION_RELAYED_BENCH_H

#include "mesh/operation/remote.h"
#include "mesh/rpc/schema.h"
#include "mesh/rpc/server.h"
#include "millrace/test/v1/counter.pb-c.h"
#include "tests/fakes/counter.h"
#include "tests/mesh/harness.h"
#include "tests/mesh/operation/memory_journal.h"

enum { MS = 1000000 };

// Run of a host that ends the stream as if all were well, after what it was told to say.
typedef struct vague_host {
  mesh_service service;
  mesh_event says;  // its payload: 0: nothing
  int asked;
} vague_host;

typedef struct bench {
  harness *test;
  mesh_schema *schema;
  char directory[32], address[64];
  mesh_server *server;
  counter_host host;
  vague_host vague;
  const char *run_method;
  mesh_link *link;
  memory_journal journal;
  mesh_operations *operations;
  Millrace__Test__V1__CountRequest request;
  Millrace__V1__StartOptions options;
  int64_t grace_ms;
  int attempts;  // to reach a host; 0: any number
  char name[MESH_OPERATION_NAME_MAX];
} bench;

typedef struct history {
  int64_t sequence, source_sequence;
  int checkpoints, attempts, lost;  // lost: the most that a checkpoint says
  int64_t last_position;
  Millrace__V1__Outcome *outcome;  // owned
} history;

typedef struct bench_row {
  const char *name;
  void (*run)(bench *own);
} bench_row;

// Runs the row that *state is with a bench of its own, in a fiber.
void bench_check(void **state);

// A host on the bench's address; killed, every stream breaks, and nothing of what ran is left.
void start_host(bench *own);
void kill_host(bench *own);
void replace_host(bench *own);

// Starts the count that own->request asks for; its name is in own->name.
void start(bench *own);

// Makes the manager's work again; for a mesh_kind whose `self` is the bench.
mesh_code rebuild(void *self, mesh_view request, mesh_start *start, mesh_work *work,
                  mesh_error *err);

// Goes on, as another manager, with what the journal has.
void adopt(bench *own);

// The manager leaves; another one comes.
void replace_manager(bench *own);

// Waits for the outcome, and reads what the journal has, dense and in order; forget() releases it.
history await_end(bench *own);
void forget(history *all);

void pause_ms(bench *own, int64_t ms);
void await_steps(bench *own, int64_t steps);

#endif
