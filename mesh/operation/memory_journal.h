// mesh_memory_journal: a journal in memory, for hosts: it ends with its process. What has ended is
// kept for a caller that comes back late, up to MESH_MEMORY_ENDED_MAX operations, and of one
// operation the newest events, up to MESH_MEMORY_EVENT_BYTES of them: reading begins with the first
// that is there. One loop.
#ifndef MILLRACE_MESH_OPERATION_MEMORY_JOURNAL_H
#define MILLRACE_MESH_OPERATION_MEMORY_JOURNAL_H

#include "mesh/operation/journal.h"

enum { MESH_MEMORY_ENDED_MAX = 256, MESH_MEMORY_EVENT_BYTES = 16 << 20 };

typedef struct mesh_memory_journal mesh_memory_journal;

// An empty one; the caller owns it.
mesh_memory_journal *mesh_memory_journal_create(void);

// Frees it and all that it keeps; nobody may use its table any more. NULL is fine.
void mesh_memory_journal_destroy(mesh_memory_journal *journal);

// For mesh_operations_create(); borrowed from `journal`.
const mesh_journal *mesh_memory_journal_table(mesh_memory_journal *journal);

#endif
