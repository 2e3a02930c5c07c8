// Instruments: which one a text is at a source, and how its series are called.
#include <string.h>
#include <time.h>

#include "backend/store/sqlite/internal.h"
#include "market/prices.h"
#include "mesh/runtime/text.h"

// ---- finding ----

static mesh_code pass_row(store *store, store_connection *connection, sqlite3_stmt *statement,
                          void (*each)(void *arg, const store_instrument *instrument), void *arg,
                          const char *source, const char *text, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    store_instrument found = {.source = source,
                              .name = store_text_column(statement, 0),
                              .con_id = sqlite3_column_int64(statement, 1),
                              .about = store_view_column(statement, 2)};
    each(arg, &found);
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "it is not known what %s is at %s", text, source);
  } else {
    code = store_fail(store, connection->db, "cannot find an instrument", err);
  }
  store_release(statement);
  return code;
}

static mesh_code find(store *store, store_connection *connection, const char *source,
                      const char *text, void (*each)(void *arg, const store_instrument *instrument),
                      void *arg, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, connection, STORE_SQL_FIND_INSTRUMENT,
                                 "SELECT name, con_id, about FROM aliases"
                                 " JOIN instruments USING(source, name)"
                                 " WHERE text=?1 AND source=?2",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, text);
  store_bind_text(statement, 2, source);
  return pass_row(store, connection, statement, each, arg, source, text, err);
}

mesh_code store_find_instrument(store *store, const char *source, const char *text,
                                void (*each)(void *arg, const store_instrument *instrument),
                                void *arg, mesh_error *err) {
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = find(store, &store->reader, source, text, each, arg, err);
  pthread_mutex_unlock(&store->read_lock);
  return code;
}

// ---- naming ----

typedef struct naming {
  store_write write;  // first: run() gets its address
  const char *text, *spare;
  const store_instrument *one;
  char *name;      // INSTRUMENT_NAME_MAX bytes
  int64_t number;  // of the row that was found
} naming;

static void take_row(void *arg, const store_instrument *instrument) {
  naming *own = arg;
  mesh_text_copy(own->name, INSTRUMENT_NAME_MAX, instrument->name);
  own->number = instrument->con_id;
}

// The name of the instrument of this number; false where it has none yet.
static mesh_code find_by_number(store *store, store_connection *connection, naming *own,
                                bool *found, mesh_error *err) {
  sqlite3_stmt *statement;
  *found = false;
  if (own->one->con_id == 0) return GRPC_STATUS_OK;
  mesh_code code = store_prepare(
      store, connection, STORE_SQL_FIND_BY_NUMBER,
      "SELECT name, con_id, about FROM instruments WHERE source=?1 AND con_id=?2 AND con_id<>0",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, own->one->source);
  sqlite3_bind_int64(statement, 2, own->one->con_id);
  code = pass_row(store, connection, statement, take_row, own, own->one->source, own->text, err);
  *found = code == GRPC_STATUS_OK;
  return code == GRPC_STATUS_NOT_FOUND ? GRPC_STATUS_OK : code;
}

// Gives it a name, unless that is the name of another: then *taken.
static mesh_code add(store *store, const naming *own, const char *name, bool *taken,
                     mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_ADD_INSTRUMENT,
                                 "INSERT OR IGNORE INTO instruments(source, name, con_id,"
                                 " resolved_s, about) VALUES(?1, ?2, ?3, ?4, ?5)",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, own->one->source);
  store_bind_text(statement, 2, name);
  sqlite3_bind_int64(statement, 3, own->one->con_id);
  sqlite3_bind_int64(statement, 4, (int64_t)time(NULL));
  store_bind_view(statement, 5, own->one->about);
  code = store_step(store, statement, "cannot name an instrument", err);
  *taken = sqlite3_changes64(store->writer.db) == 0;
  store_release(statement);
  if (code == GRPC_STATUS_OK && !*taken) mesh_text_copy(own->name, INSTRUMENT_NAME_MAX, name);
  return code;
}

static mesh_code add_alias(store *store, const naming *own, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->writer, STORE_SQL_ADD_ALIAS,
      "INSERT OR REPLACE INTO aliases(text, source, name) VALUES(?1, ?2, ?3)", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, own->text);
  store_bind_text(statement, 2, own->one->source);
  store_bind_text(statement, 3, own->name);
  code = store_step(store, statement, "cannot note a name", err);
  store_release(statement);
  return code;
}

static mesh_code run_name(store *store, store_write *write, mesh_error *err) {
  naming *own = (naming *)write;
  bool found, taken = false;
  mesh_code code = find_by_number(store, &store->writer, own, &found, err);
  if (code == GRPC_STATUS_OK && !found) code = add(store, own, own->one->name, &taken, err);
  if (code == GRPC_STATUS_OK && taken && own->one->con_id != 0) {
    code = add(store, own, own->spare, &taken, err);
    if (code == GRPC_STATUS_OK && taken) {
      return mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS, "%s and %s are other instruments of %s",
                       own->one->name, own->spare, own->one->source);
    }
  } else if (taken) {
    mesh_text_copy(own->name, INSTRUMENT_NAME_MAX, own->one->name);  // it is found by its name
  }
  return code == GRPC_STATUS_OK ? add_alias(store, own, err) : code;
}

mesh_code store_name_instrument(store *store, const char *text, const store_instrument *one,
                                const char *spare, char out[INSTRUMENT_NAME_MAX], mesh_error *err) {
  naming own = {.write.run = run_name, .text = text, .spare = spare, .one = one, .name = out};
  return store_submit_and_wait(store, &own.write, err);
}

static mesh_code find_taken(store *store, const char *source, const char *name, bool *taken,
                            mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->reader, STORE_SQL_FIND_NAME,
                    "SELECT 1 FROM instruments WHERE source=?1 AND name=?2", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, source);
  store_bind_text(statement, 2, name);
  int step = sqlite3_step(statement);
  *taken = step == SQLITE_ROW;
  if (step != SQLITE_ROW && step != SQLITE_DONE)
    code = store_fail(store, store->reader.db, "cannot find a name", err);
  store_release(statement);
  return code;
}

mesh_code store_foretell_name(store *store, const store_instrument *one, const char *spare,
                              char out[INSTRUMENT_NAME_MAX], mesh_error *err) {
  naming own = {.text = one->name, .one = one, .name = out};
  bool found, taken = false;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = find_by_number(store, &store->reader, &own, &found, err);
  if (code == GRPC_STATUS_OK && !found)
    code = find_taken(store, one->source, one->name, &taken, err);
  pthread_mutex_unlock(&store->read_lock);
  bool is_another = taken && one->con_id != 0;
  if (!found) mesh_text_copy(out, INSTRUMENT_NAME_MAX, is_another ? spare : one->name);
  return code;
}

// ---- for the schema ----

static void normal_name(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  char name[INSTRUMENT_NAME_MAX];
  const char *text = (const char *)sqlite3_value_text(values[0]);
  if (text == NULL || strlen(text) >= sizeof name) {
    sqlite3_result_value(context, values[0]);
    return;
  }
  mesh_text_copy(name, sizeof name, text);
  instrument_normalize(name);
  sqlite3_result_text(context, name, -1, SQLITE_TRANSIENT);
}

// What a host of before took by itself: the middle of a pair of currencies, at all hours; of all
// else the trades of regular hours.
static bool was_pair(sqlite3_value *symbol) {
  const char *text = (const char *)sqlite3_value_text(symbol);
  instrument one;
  mesh_error ignored;
  return text != NULL && instrument_parse(text, &one, &ignored) == GRPC_STATUS_OK &&
         strcmp(one.kind, "CASH") == 0;
}

static void old_prices(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  sqlite3_result_text(context, was_pair(values[0]) ? "MIDPOINT" : "TRADES", -1, SQLITE_STATIC);
}

static void old_session(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  sqlite3_result_text(context, was_pair(values[0]) ? SESSION_ALL : SESSION_REGULAR, -1,
                      SQLITE_STATIC);
}

mesh_code store_add_instrument_functions(store *store, mesh_error *err) {
  static const struct {
    const char *name;
    void (*run)(sqlite3_context *context, int count, sqlite3_value **values);
  } functions[] = {
      {"instrument_name", normal_name}, {"old_prices", old_prices}, {"old_session", old_session}};
  sqlite3 *db = store->writer.db;
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    int added =
        sqlite3_create_function_v2(db, functions[i].name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                   NULL, functions[i].run, NULL, NULL, NULL);
    if (added != SQLITE_OK) return store_fail(store, db, "cannot add a function", err);
  }
  return GRPC_STATUS_OK;
}
