// Waiting for other processes that hold the file. SQLite asks on_busy() again and again while one
// does, whatever the statement: a backup that locks the store makes a write late, not an error.
#include <time.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/time.h"

enum {
  BUSY_LIMIT_MS = 600 * 1000,  // where the options name none
  LEAVING_LIMIT_MS = 1000,     // once the process leaves
  TELL_MS = 1000,              // a shorter wait is not worth a line
  STEP_MS = 20,
};

static int64_t waited_ms(const store_connection *connection) {
  return (mesh_now_ns() - connection->busy_since_ns) / MESH_MS_NS;
}

static void sleep_ms(long ms) {
  struct timespec time = {0, mesh_ms_ns(ms)};
  nanosleep(&time, NULL);
}

// Not 0: try again.
static int on_busy(void *arg, int count) {
  store_connection *connection = arg;
  store *store = connection->store;
  if (count == 0) {
    connection->busy_since_ns = mesh_now_ns();
    connection->busy_told = false;
  }
  int64_t ms = waited_ms(connection);
  bool leaving = atomic_load(&store->leaving);
  if (ms >= store->busy_limit_ms || (leaving && ms >= LEAVING_LIMIT_MS)) return 0;
  if (ms >= TELL_MS && !connection->busy_told) {
    mesh_log(MESH_LOG_WARN, "store",
             "%s is held by another process (a backup?): waiting for up to %lld s", store->path,
             (long long)store->busy_limit_ms / 1000);
    connection->busy_told = true;
  }
  sleep_ms(count < STEP_MS ? count + 1 : STEP_MS);
  return 1;
}

void store_wait_while_busy(store *store, store_connection *connection) {
  connection->store = store;
  sqlite3_busy_handler(connection->db, on_busy, connection);
}

void store_never_wait(store_connection *connection) {
  sqlite3_busy_handler(connection->db, NULL, NULL);
}

void store_tell_free(store_connection *connection) {
  if (!connection->busy_told) return;
  mesh_log(MESH_LOG_INFO, "store", "%s is free again after %lld ms", connection->store->path,
           (long long)waited_ms(connection));
  connection->busy_told = false;
}

int64_t store_busy_limit_ms(const store_options *options) {
  return options != NULL && options->busy_limit_ms > 0 ? options->busy_limit_ms : BUSY_LIMIT_MS;
}

void store_leave(store *store) {
  atomic_store(&store->leaving, true);
}
