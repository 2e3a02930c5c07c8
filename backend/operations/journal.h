// The journal of operations in the store: mesh_journal's functions. Writes go to the store's
// thread, reads to the pool; the fiber waits, the loop does not.
#ifndef MILLRACE_BACKEND_OPERATIONS_JOURNAL_H
#define MILLRACE_BACKEND_OPERATIONS_JOURNAL_H

#include "backend/store/store.h"
#include "mesh/operation/operation.h"
#include "mesh/runtime/pool.h"

typedef struct store_journal {
  mesh_journal table;  // give this one to mesh_operations_create()
  store *store;
  mesh_pool *pool;
  mesh_loop *loop;
  // Told when a newer process has taken the store over: nothing can be written any more. NULL:
  // nobody is. In the fiber that wanted to write.
  void (*on_taken)(void *arg, const mesh_error *why);
  void *on_taken_arg;
} store_journal;

// Prepares the caller's storage; the three are borrowed. on_taken may be set after it.
void store_journal_init(store_journal *self, store *store, mesh_pool *pool, mesh_loop *loop);

// store_put_segment() for a fiber: the bars, their coverage and (may be NULL) the entry that was
// begun to report them, in one transaction.
MESH_NODISCARD mesh_code store_journal_put_segment(store_journal *self, const series_key *key,
                                                   const store_ledger *ledger,
                                                   const store_bars *bars, const mesh_entry *entry,
                                                   mesh_error *err);

#endif
