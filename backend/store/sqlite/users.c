// Who uses a series: operations that have not ended. Inside a write of the store's thread, so that
// no operation is created meanwhile: whoever comes later finds the series as the write left it.
#include <stdlib.h>
#include <string.h>

#include "backend/store/sqlite/internal.h"

// What an instrument is called. The strings are owned.
typedef struct names {
  char **items;
  size_t count, room;
} names;

static void add_name(names *all, const char *text) {
  if (all->count == all->room) {
    all->room = 2 * all->room + 4;
    all->items = realloc(all->items, all->room * sizeof *all->items);
    if (all->items == NULL) abort();
  }
  char *copy = strdup(text);
  if (copy == NULL) abort();
  all->items[all->count++] = copy;
}

static void free_names(names *all) {
  for (size_t i = 0; i < all->count; i++)
    free(all->items[i]);
  free(all->items);
}

static mesh_code find_names(store *store, const series_key *key, names *all, mesh_error *err) {
  sqlite3_stmt *statement;
  int step;
  mesh_code code =
      store_prepare(store, &store->writer, STORE_SQL_TEXTS_OF_NAME,
                    "SELECT text FROM aliases WHERE source=?1 AND name=?2", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, key->source);
  store_bind_text(statement, 2, key->symbol);
  add_name(all, key->symbol);
  while ((step = sqlite3_step(statement)) == SQLITE_ROW)
    add_name(all, store_text_column(statement, 0));
  if (step != SQLITE_DONE) {
    code = store_fail(store, store->writer.db, "cannot read what an instrument is called", err);
  }
  store_release(statement);
  return code;
}

static mesh_code refuse(const series_key *key, const store_operation *user, mesh_error *err) {
  mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
            "%s %s is used by %s, which has not ended: wait for it, or cancel it", key->symbol,
            key->timeframe, user->name);
  mesh_error_set_reason(err, "IN_USE", "store.millrace");
  return GRPC_STATUS_FAILED_PRECONDITION;
}

static mesh_code ask_each(store *store, const series_key *key, const names *all, store_uses uses,
                          void *arg, mesh_error *err) {
  sqlite3_stmt *statement;
  int step = SQLITE_DONE;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_LIST_UNFINISHED,
                                 "SELECT name, kind, request FROM operations"
                                 " WHERE state>0 AND state<?1 ORDER BY state, created_ns",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int(statement, 1, STORE_FIRST_ENDED_STATE);
  while (code == GRPC_STATUS_OK && (step = sqlite3_step(statement)) == SQLITE_ROW) {
    store_operation user = {.name = store_text_column(statement, 0),
                            .kind = store_text_column(statement, 1),
                            .request = store_view_column(statement, 2)};
    if (uses(arg, (const char *const *)all->items, all->count, &user)) {
      code = refuse(key, &user, err);
    }
  }
  if (code == GRPC_STATUS_OK && step != SQLITE_DONE) {
    code = store_fail(store, store->writer.db, "cannot read what has not ended", err);
  }
  store_release(statement);
  return code;
}

mesh_code store_check_unused(store *store, const series_key *key, store_uses uses, void *arg,
                             mesh_error *err) {
  names all = {0};
  mesh_code code = find_names(store, key, &all, err);
  if (code == GRPC_STATUS_OK) code = ask_each(store, key, &all, uses, arg, err);
  free_names(&all);
  return code;
}
