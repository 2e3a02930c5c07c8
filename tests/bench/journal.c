// Durable events and creations a second through the store's writer thread, while 1, 16, 64 or 256
// writers wait at a time; against a plain loop over sqlite3 with the store's settings, one
// transaction each. As in the backend, one other thread starts the next write of each writer that
// was told; a latency is from there to the word that it is durable.
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/store/store.h"
#include "tests/bench/child.h"
#include "tests/bench/measure.h"

enum { WRITERS_MAX = 256, EVENT_BYTES = 120, NAME_MAX_BYTES = 32, SAMPLES_MAX = 1 << 20 };

// How long each measurement writes.
static int64_t run_ns(void) {
  return bench_size(2000, 20) * INT64_C(1000000);
}

// ---- The store ----

typedef struct bench bench;

typedef struct writer {
  bench *own;
  int number;
  struct writer *next;  // of those that were told
  int64_t created, start_ns;
  char name[NAME_MAX_BYTES];
  store_event event;
  store_operation operation;
  store_write write;
} writer;

struct bench {
  store *store;
  void (*start)(writer *self);
  int writers;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  writer *told;  // whose writes are durable
  int64_t *samples;
  size_t done;
  uint8_t event[EVENT_BYTES];
  writer all[WRITERS_MAX];
};

static void on_durable(store_write *write) {
  writer *self = write->arg;
  bench *own = self->own;
  if (write->code != GRPC_STATUS_OK) bench_die("%s", write->err.message);
  pthread_mutex_lock(&own->lock);
  if (own->done < SAMPLES_MAX) own->samples[own->done] = bench_now_ns() - self->start_ns;
  own->done++;
  if (own->told == NULL) pthread_cond_signal(&own->changed);
  self->next = own->told;
  own->told = self;
  pthread_mutex_unlock(&own->lock);
}

static void name_operation(writer *self) {
  snprintf(self->name, sizeof self->name, "load-%03d-%08lld", self->number,
           (long long)self->created++);
  self->operation = (store_operation){.name = self->name,
                                      .kind = "load",
                                      .title = "SPX 1m 2015-01-01 to 2020-01-01",
                                      .request_id = self->name,
                                      .work_key = self->name,
                                      .labels = "desk=rates\nteam=blue\n",
                                      .request = {self->own->event, EVENT_BYTES},
                                      .state = 1,
                                      .epoch = 1,
                                      .last_sequence = 1,
                                      .created_ns = bench_now_ns()};
}

static void start_create(writer *self) {
  name_operation(self);
  mesh_view event = {self->own->event, EVENT_BYTES};
  store_start_create(self->own->store, &self->operation, event, &self->write);
}

static void start_append(writer *self) {
  self->event.sequence++;
  self->event.updated_ns = self->start_ns;
  store_start_append(self->own->store, &self->event, &self->write);
}

// Gives each writer an operation.
static void prepare(bench *own) {
  mesh_error err;
  mesh_view event = {own->event, EVENT_BYTES};
  for (int i = 0; i < own->writers; i++) {
    writer *self = &own->all[i];
    *self = (writer){.own = own, .number = i};
    self->write.on_done = on_durable;
    self->write.arg = self;
    name_operation(self);
    if (store_create_operation(own->store, &self->operation, event, &err) != GRPC_STATUS_OK) {
      bench_die("%s", err.message);
    }
    self->event = (store_event){
        .operation = self->name, .epoch = 1, .sequence = 1, .state = 1, .event = event};
  }
}

static writer *take_told(bench *own) {
  pthread_mutex_lock(&own->lock);
  while (own->told == NULL)
    pthread_cond_wait(&own->changed, &own->lock);
  writer *told = own->told;
  own->told = NULL;
  pthread_mutex_unlock(&own->lock);
  return told;
}

// Starts the next write of each of them. Returns how many.
static int start_all(bench *own, writer *first) {
  int count = 0;
  for (writer *self = first, *next; self != NULL; self = next, count++) {
    next = self->next;
    self->start_ns = bench_now_ns();
    own->start(self);
  }
  return count;
}

// Writes for run_ns(); returns the nanoseconds until the last one was durable.
static int64_t write_for_a_while(bench *own) {
  int64_t begin_ns = bench_now_ns();
  for (int i = 0; i < own->writers; i++)
    own->all[i].next = i + 1 < own->writers ? &own->all[i + 1] : NULL;
  int waiting = start_all(own, own->all);
  while (waiting > 0) {
    writer *told = take_told(own);
    for (writer *self = told; self != NULL; self = self->next)
      waiting--;
    if (bench_now_ns() - begin_ns < run_ns()) waiting += start_all(own, told);
  }
  return bench_now_ns() - begin_ns;
}

// ---- The peer ----

typedef struct peer {
  sqlite3 *db;
  sqlite3_stmt *begin, *commit, *create, *update, *append;
} peer;

static sqlite3_stmt *prepare_sql(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
    bench_die("%s", sqlite3_errmsg(db));
  }
  return statement;
}

static void step(peer *own, sqlite3_stmt *statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(own->db));
  sqlite3_reset(statement);
}

static void open_peer(peer *own, const char *path) {
  static const char setup[] =
      "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
      "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=8000;"
      "CREATE TABLE operations(id INTEGER PRIMARY KEY, name TEXT UNIQUE, last INTEGER, body BLOB);"
      "CREATE TABLE events(operation INTEGER, sequence INTEGER, event BLOB,"
      " PRIMARY KEY(operation, sequence)) WITHOUT ROWID;";
  if (sqlite3_open(path, &own->db) != SQLITE_OK ||
      sqlite3_exec(own->db, setup, NULL, NULL, NULL) != SQLITE_OK) {
    bench_die("%s", sqlite3_errmsg(own->db));
  }
  own->begin = prepare_sql(own->db, "BEGIN IMMEDIATE");
  own->commit = prepare_sql(own->db, "COMMIT");
  own->create = prepare_sql(own->db, "INSERT INTO operations VALUES(?, ?, 1, ?)");
  own->update = prepare_sql(own->db, "UPDATE operations SET last=? WHERE id=?");
  own->append = prepare_sql(own->db, "INSERT INTO events VALUES(?, ?, ?)");
}

static void close_peer(peer *own) {
  sqlite3_stmt *all[] = {own->begin, own->commit, own->create, own->update, own->append};
  for (int i = 0; i < 5; i++)
    sqlite3_finalize(all[i]);
  sqlite3_close(own->db);
}

static void insert_event(peer *own, int64_t id, int64_t sequence) {
  static const uint8_t event[EVENT_BYTES];
  sqlite3_bind_int64(own->append, 1, id);
  sqlite3_bind_int64(own->append, 2, sequence);
  sqlite3_bind_blob(own->append, 3, event, EVENT_BYTES, SQLITE_STATIC);
  step(own, own->append);
}

static void create_in_peer(peer *own, int64_t id) {
  static const uint8_t body[EVENT_BYTES];
  char name[NAME_MAX_BYTES];
  snprintf(name, sizeof name, "load-%lld", (long long)id);
  step(own, own->begin);
  sqlite3_bind_int64(own->create, 1, id);
  sqlite3_bind_text(own->create, 2, name, -1, SQLITE_STATIC);
  sqlite3_bind_blob(own->create, 3, body, EVENT_BYTES, SQLITE_STATIC);
  step(own, own->create);
  insert_event(own, id, 1);
  step(own, own->commit);
}

static void append_to_peer(peer *own, int64_t id, int64_t sequence) {
  step(own, own->begin);
  sqlite3_bind_int64(own->update, 1, sequence);
  sqlite3_bind_int64(own->update, 2, id);
  step(own, own->update);
  insert_event(own, id, sequence);
  step(own, own->commit);
}

// ---- All of it ----

static void remove_database(const char *path) {
  static const char *const endings[] = {"", "-wal", "-shm", ".id"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    char *file = bench_text("%s%s", path, endings[i]);
    unlink(file);
    free(file);
  }
}

typedef struct result {
  double rate;            // a second
  double p50_ms, p99_ms;  // of one
} result;

static result measure_store(bench *own, const char *path, int writers,
                            void (*start)(writer *self)) {
  mesh_error err;
  remove_database(path);
  if (store_open(path, NULL, &own->store, &err) != GRPC_STATUS_OK) bench_die("%s", err.message);
  own->writers = writers;
  own->start = start;
  own->done = 0;
  prepare(own);
  int64_t took_ns = write_for_a_while(own);
  size_t samples = own->done < SAMPLES_MAX ? own->done : SAMPLES_MAX;
  bench_sort(own->samples, samples);
  store_close(own->store);
  return (result){(double)own->done * 1e9 / (double)took_ns,
                  (double)bench_percentile(own->samples, samples, 50) / 1e6,
                  (double)bench_percentile(own->samples, samples, 99) / 1e6};
}

// Transactions a second of the peer, on `operations` operations in turn; 0: each makes its own.
static double measure_peer(const char *path, int operations) {
  peer own;
  remove_database(path);
  open_peer(&own, path);
  for (int64_t id = 1; id <= operations; id++)
    create_in_peer(&own, id);
  int64_t begin_ns = bench_now_ns(), took_ns = 0, done = 0;
  for (; took_ns < run_ns(); done++, took_ns = bench_now_ns() - begin_ns) {
    if (operations == 0) {
      create_in_peer(&own, done + 1);
    } else {
      append_to_peer(&own, done % operations + 1, done / operations + 2);
    }
  }
  close_peer(&own);
  return (double)done * 1e9 / (double)took_ns;
}

static result compare(bench *own, const char *path, const char *what, int writers,
                      void (*start)(writer *self)) {
  double peer = measure_peer(path, start == start_append ? writers : 0);
  result got = measure_store(own, path, writers, start);
  printf(
      "  %-9s %3d waiting: %7.0f/s, p50 %.3f ms, p99 %.3f ms; sqlite3, one a transaction:"
      " %6.0f/s; the store is %.2f x as fast\n",
      what, writers, got.rate, got.p50_ms, got.p99_ms, peer, got.rate / peer);
  return got;
}

int main(void) {
  char *home = bench_make_directory();
  char *path = bench_text("%s/store.db", home);
  bench *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->samples = malloc(SAMPLES_MAX * sizeof *own->samples);
  if (own->samples == NULL) abort();
  pthread_mutex_init(&own->lock, NULL);
  pthread_cond_init(&own->changed, NULL);

  printf("events and creations of %d bytes, durable, %g s each\n", EVENT_BYTES,
         (double)run_ns() / 1e9);
  compare(own, path, "events", 1, start_append);
  compare(own, path, "events", 16, start_append);
  result events = compare(own, path, "events", 256, start_append);
  result one = compare(own, path, "creations", 1, start_create);
  result many = compare(own, path, "creations", 64, start_create);
  bench_remove_directory(home);
  free(own->samples);
  free(own);
  free(path);
  free(home);
  bool reached = bench_target("events, 256 waiting", events.rate, BENCH_AT_LEAST, 100000, "/s");
  reached &= bench_target("creations, 64 waiting", many.rate, BENCH_AT_LEAST, 3000, "/s");
  reached &= bench_target("a creation alone, p50", one.p50_ms, BENCH_AT_MOST, 1, "ms");
  return reached ? 0 : 1;
}
