// For tests: the journal in memory, that suspends its caller as a store would and can be made to
// fail.
#ifndef MILLRACE_TESTS_MESH_MEMORY_JOURNAL_H
#define MILLRACE_TESTS_MESH_MEMORY_JOURNAL_H

#include "mesh/operation/memory_journal.h"
#include "mesh/operation/operation.h"
#include "mesh/runtime/fiber.h"

typedef struct memory_journal {
  mesh_journal table;
  mesh_loop *loop;
  mesh_memory_journal *inner;          // owned
  int count;                           // events that were written
  int reads;                           // pages that were asked for
  Millrace__V1__OperationState state;  // of the last write
  bool full;                           // refuses further events
  int busy;                            // refuses so many of them, for a moment
  bool taken;                          // refuses them because another process owns it
  bool held;                           // lets no write return until it is false
  mesh_signal released;
} memory_journal;

// Prepares the caller's storage; give `journal->table` to mesh_operations_create().
void memory_journal_init(memory_journal *journal, mesh_loop *loop);
void memory_journal_fini(memory_journal *journal);

#endif
