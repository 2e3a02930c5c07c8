// For tests: a journal in memory, of one operation at a time, that suspends its caller as a store
// would.
#ifndef MILLRACE_TESTS_MESH_MEMORY_JOURNAL_H
#define MILLRACE_TESTS_MESH_MEMORY_JOURNAL_H

#include "mesh/operation.h"

enum { MEMORY_EVENTS_MAX = 64, MEMORY_EVENT_BYTES = 512 };

typedef struct memory_journal {
  mesh_journal table;
  mesh_loop *loop;
  char name[MESH_OPERATION_NAME_MAX], request_id[64];
  Millrace__V1__OperationState state;
  int64_t last_sequence;
  uint8_t events[MEMORY_EVENTS_MAX][MEMORY_EVENT_BYTES];
  size_t sizes[MEMORY_EVENTS_MAX];
  int count;
  bool full;  // refuses further events
} memory_journal;

// Prepares the caller's storage; give `journal->table` to mesh_operations_create().
void memory_journal_init(memory_journal *journal, mesh_loop *loop);

#endif
