// The journal of operations in the store: mesh_journal's functions, each on a pool thread.
#ifndef MILLRACE_BACKEND_OPERATIONS_JOURNAL_H
#define MILLRACE_BACKEND_OPERATIONS_JOURNAL_H

#include "backend/store/store.h"
#include "mesh/operation.h"
#include "mesh/pool.h"

typedef struct store_journal {
  mesh_journal table;  // give this one to mesh_operations_create()
  store *store;
  mesh_pool *pool;
  mesh_loop *loop;
} store_journal;

// Prepares the caller's storage; the three are borrowed.
void store_journal_init(store_journal *self, store *store, mesh_pool *pool, mesh_loop *loop);

// The store's form of an entry that was begun: to commit it together with other data. Borrows from
// `entry`.
store_event store_journal_event(const mesh_entry *entry);

#endif
