// The identity file beside the database: it says that there is a store, and how far it came. SQLite
// makes an empty database of a missing file, drops a log whose file is empty, and reads a file
// whose log is lost as if nothing had been after it; none of these may pass for a store.
//
// The generation is in both. It rises when the store is opened, and after each checkpoint, as the
// first commit of what is then the log, synced. So as long as a log has something that the file has
// not, the log alone has the generation that the identity file names.
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/program/file.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

enum { FILE_MAX_BYTES = 4096, CREATED_MAX = 32 };

struct store_identity {
  bool there;  // the file is there
  bool read;   // and says what it should
  char id[STORE_ID_MAX];
  char created[CREATED_MAX];
  int64_t generation;
  bool closed;  // by its last owner, with nothing left in the log
};

void store_make_id(char out[STORE_ID_MAX]) {
  uint8_t bytes[(STORE_ID_MAX - 1) / 2];
  if (RAND_bytes(bytes, sizeof bytes) != 1) abort();
  for (size_t i = 0; i < sizeof bytes; i++)
    snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

// ---- the file ----

static bool is_id(const char *text) {
  return strlen(text) == STORE_ID_MAX - 1 && strspn(text, "0123456789abcdef") == STORE_ID_MAX - 1;
}

// Takes one line "key value"; others are for readers.
static void take_line(store_identity *out, const char *line) {
  long long generation;
  char word[STORE_ID_MAX] = "";
  if (sscanf(line, "id %32s", word) == 1) memcpy(out->id, word, sizeof word);
  if (sscanf(line, "created %31s", out->created) == 1) return;
  if (sscanf(line, "generation %lld", &generation) == 1) out->generation = generation;
  if (strcmp(line, "state closed") == 0) out->closed = true;
}

static mesh_code read_file(store *store, store_identity *out, mesh_error *err) {
  mesh_bytes bytes;
  *out = (store_identity){0};
  mesh_code code = mesh_file_read_private(store->identity_path, FILE_MAX_BYTES, &bytes, err);
  out->there = code != GRPC_STATUS_NOT_FOUND;
  if (code == GRPC_STATUS_NOT_FOUND || code == GRPC_STATUS_OUT_OF_RANGE) return GRPC_STATUS_OK;
  if (code != GRPC_STATUS_OK) return code;
  char *rest = NULL;
  for (char *line = strtok_r((char *)bytes.data, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    take_line(out, line);
  }
  free(bytes.data);
  out->read = is_id(out->id) && out->generation > 0;
  return GRPC_STATUS_OK;
}

static void write_now(char out[CREATED_MAX]) {
  struct tm utc;
  time_t now = time(NULL);
  strftime(out, CREATED_MAX, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

mesh_code store_write_identity(store *store, bool closed, mesh_error *err) {
  const char *name = strrchr(store->path, '/');
  char text[1024];
  int size = snprintf(text, sizeof text,
                      "millrace store\n"
                      "id %s\n"
                      "schema %d\n"
                      "created %s\n"
                      "generation %lld\n"
                      "state %s\n"
                      "# While this file is here, millrace refuses to start without the database\n"
                      "# beside it, or with one that has lost its log. Removing it accepts what\n"
                      "# there is.\n"
                      "# database %.*s\n",
                      store->id, STORE_SCHEMA_VERSION, store->created, (long long)store->generation,
                      closed ? "closed" : "open",
                      MESH_TEXT_SHOWN(name == NULL ? store->path : name + 1, 255));
  return mesh_file_write(store->identity_path, (mesh_view){(const uint8_t *)text, (size_t)size},
                         err);
}

// ---- before SQLite may touch anything ----

static bool is_filled(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && about.st_size > 0;
}

static mesh_code refuse_missing(store *store, const store_identity *file, bool logged,
                                mesh_error *err) {
  struct stat about;
  const char *what = stat(store->path, &about) == 0 ? "empty" : "missing";
  if (!file->there) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "store %s: the file is %s, but its log %s-wal is there: put the file back, or "
                     "remove the log to start with an empty store",
                     store->path, what, store->path);
  }
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                   "store %s: the file is %s, but %s says that there was a store (made %s): put "
                   "the file back, or remove %s%s to start with an empty one",
                   store->path, what, store->identity_path,
                   file->created[0] != '\0' ? file->created : "before", store->identity_path,
                   logged ? " and the -wal file" : "");
}

mesh_code store_check_files(store *store, store_identity **out, mesh_error *err) {
  store_identity *file = malloc(sizeof *file);
  if (file == NULL) abort();
  *out = file;
  mesh_code code = read_file(store, file, err);
  if (code != GRPC_STATUS_OK || is_filled(store->path)) return code;
  char log[4096];
  bool logged =
      (size_t)snprintf(log, sizeof log, "%s-wal", store->path) < sizeof log && is_filled(log);
  return file->there || logged ? refuse_missing(store, file, logged, err) : GRPC_STATUS_OK;
}

// ---- what the database says ----

static mesh_code refuse_other(store *store, const store_identity *file, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "store %s: it is store %.*s, but %s is of store %.*s: put the right file back, "
                   "or remove %s to go on with this one",
                   store->path, MESH_TEXT_SHOWN(store->id, 8), store->identity_path,
                   MESH_TEXT_SHOWN(file->id, 8), store->identity_path);
}

static mesh_code refuse_older(store *store, const store_identity *file, int64_t generation,
                              mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                   "store %s: it ends at generation %lld, but %s says %lld: its log %s-wal was "
                   "lost, and what was committed last with it. Put the log back, or remove %s to "
                   "go on with what there is",
                   store->path, (long long)generation, store->identity_path,
                   (long long)file->generation, store->path, store->identity_path);
}

mesh_code store_check_identity(store *store, const store_identity *file, int64_t generation,
                               mesh_error *err) {
  if (file->created[0] != '\0') {
    memcpy(store->created, file->created, sizeof store->created);
  } else {
    write_now(store->created);
  }
  if (!file->read) {  // first start, an older home, a backup that was restored alone
    if (file->there) {
      mesh_log(MESH_LOG_WARN, "store", "%s cannot be read, and is written again",
               store->identity_path);
    }
    return GRPC_STATUS_OK;
  }
  if (store->id[0] != '\0' && strcmp(store->id, file->id) != 0) {
    return refuse_other(store, file, err);
  }
  if (store->id[0] != '\0' && generation >= file->generation) return GRPC_STATUS_OK;
  if (!file->closed) return refuse_older(store, file, generation, err);
  // Nothing was in a log when it was closed, so no log was lost: somebody put this file here.
  mesh_log(MESH_LOG_WARN, "store",
           "%s is an older copy (generation %lld; the last was %lld): a backup, it seems",
           store->path, (long long)generation, (long long)file->generation);
  memcpy(store->id, file->id, sizeof store->id);
  return GRPC_STATUS_OK;
}

// ---- while it is open ----

static void note_file(const char *path, store_file *out) {
  struct stat about = {0};
  bool there = stat(path, &about) == 0;
  *out = (store_file){there, about.st_dev, about.st_ino};
}

static bool is_same(const store_file *left, const store_file *right) {
  return left->there == right->there && left->device == right->device &&
         left->number == right->number;
}

static void note_files(store *store, store_file *file, store_file *log) {
  char path[4096];
  note_file(store->path, file);
  *log = (store_file){0};
  if ((size_t)snprintf(path, sizeof path, "%s-wal", store->path) < sizeof path)
    note_file(path, log);
}

void store_note_files(store *store) {
  note_files(store, &store->file, &store->log_file);
}

mesh_code store_check_still_there(store *store, mesh_error *err) {
  store_file file, log;
  note_files(store, &file, &log);
  bool whole = is_same(&file, &store->file);
  if (whole && is_same(&log, &store->log_file)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                   "store %s: %s%s was removed or replaced while the store was in use: what is "
                   "written now would be lost. Stop the backend and put the file back",
                   store->path, store->path, whole ? "-wal" : "");
}
