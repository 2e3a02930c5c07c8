#include "mesh/operation/memory_journal.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "mesh/runtime/bytes.h"

enum { TEXTS = 7 };

typedef struct entry {
  UT_hash_handle hh;
  mesh_operation_record record;  // its strings and bytes are the members below
  char *texts[TEXTS];            // owned
  mesh_bytes request, checkpoint, outcome;
  mesh_bytes *events;  // those that are kept: number n is events[n - 1 - forgotten]
  size_t count, capacity, bytes;
  size_t forgotten;  // the oldest ones
  int holds;         // functions that show it to somebody who may suspend
  bool gone;         // removed meanwhile
} entry;

struct mesh_memory_journal {
  mesh_journal table;
  entry *entries;  // by name, in the order of their creation
  int ended;
};

// ---- entries ----

static const char *keep_text(entry *own, int index, const char *text) {
  char *copy = strdup(text == NULL ? "" : text);
  if (copy == NULL) abort();
  free(own->texts[index]);
  own->texts[index] = copy;
  return copy;
}

// What may change with each event.
static void take_changes(entry *own, const mesh_operation_record *record) {
  mesh_operation_record *kept = &own->record;
  kept->state = record->state;
  kept->detached = record->detached;
  kept->epoch = record->epoch;
  kept->last_sequence = record->last_sequence;
  kept->source_epoch = record->source_epoch;
  kept->source_sequence = record->source_sequence;
  kept->updated_ns = record->updated_ns;
  kept->requested_by = keep_text(own, 6, record->requested_by);
  if (record->checkpoint.size_bytes > 0) mesh_bytes_set(&own->checkpoint, record->checkpoint);
  if (record->outcome.size_bytes > 0) mesh_bytes_set(&own->outcome, record->outcome);
  kept->checkpoint = mesh_bytes_view(own->checkpoint);
  kept->outcome = mesh_bytes_view(own->outcome);
}

// Half of what may be kept, so that the rest moves seldom.
static void forget_old_events(entry *own) {
  size_t gone = 0;
  while (own->bytes > MESH_MEMORY_EVENT_BYTES / 2 && gone + 1 < own->count) {
    own->bytes -= own->events[gone].size_bytes;
    free(own->events[gone++].data);
  }
  own->count -= gone;
  own->forgotten += gone;
  memmove(own->events, own->events + gone, own->count * sizeof *own->events);
}

static void add_event(entry *own, mesh_view event) {
  own->bytes += event.size_bytes;
  if (own->bytes > MESH_MEMORY_EVENT_BYTES) forget_old_events(own);
  if (own->count == own->capacity) {
    own->capacity = 2 * own->capacity + 8;
    own->events = realloc(own->events, own->capacity * sizeof *own->events);
    if (own->events == NULL) abort();
  }
  own->events[own->count] = (mesh_bytes){0};
  mesh_bytes_set(&own->events[own->count++], event);
}

static void free_entry(mesh_memory_journal *journal, entry *own) {
  HASH_DEL(journal->entries, own);
  for (size_t i = 0; i < own->count; i++)
    free(own->events[i].data);
  for (int i = 0; i < TEXTS; i++)
    free(own->texts[i]);
  free(own->events);
  free(own->request.data);
  free(own->checkpoint.data);
  free(own->outcome.data);
  free(own);
}

static entry *find_entry(mesh_memory_journal *journal, const char *name) {
  entry *found = NULL;
  HASH_FIND_STR(journal->entries, name, found);
  return found != NULL && !found->gone ? found : NULL;
}

// Frees an entry, as soon as nobody is shown it.
static void remove_entry(mesh_memory_journal *journal, entry *own) {
  own->gone = true;
  if (own->holds == 0) free_entry(journal, own);
}

// Shows an entry; returns the one before it, which was older when it began.
static entry *show_entry(mesh_memory_journal *journal, entry *own, mesh_each_record each,
                         void *arg) {
  own->holds++;
  each(arg, &own->record);
  own->holds--;
  entry *older = own->hh.prev;
  if (own->gone && own->holds == 0) free_entry(journal, own);
  return older;
}

static entry *find_request(mesh_memory_journal *journal, const char *request_id) {
  for (entry *each = journal->entries; each != NULL; each = each->hh.next) {
    if (each->gone || request_id[0] == '\0') continue;
    if (strcmp(each->record.request_id, request_id) == 0) return each;
  }
  return NULL;
}

static mesh_code not_found(const char *name, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s'", name);
}

static void forget_oldest_ended(mesh_memory_journal *journal) {
  entry *oldest = journal->entries;
  while (oldest != NULL && (oldest->gone || oldest->outcome.size_bytes == 0))
    oldest = oldest->hh.next;
  if (oldest == NULL) return;
  remove_entry(journal, oldest);
  journal->ended--;
}

// ---- the table ----

static mesh_code create(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  mesh_memory_journal *journal = self;
  if (find_entry(journal, record->name) != NULL ||
      find_request(journal, record->request_id) != NULL) {
    return mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS, "operation %s is there already",
                     record->name);
  }
  entry *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->record = *record;
  own->record.name = keep_text(own, 0, record->name);
  own->record.kind = keep_text(own, 1, record->kind);
  own->record.title = keep_text(own, 2, record->title);
  own->record.request_id = keep_text(own, 3, record->request_id);
  own->record.work_key = keep_text(own, 4, record->work_key);
  own->record.labels = keep_text(own, 5, record->labels);
  mesh_bytes_set(&own->request, record->request);
  own->record.request = mesh_bytes_view(own->request);
  take_changes(own, record);
  add_event(own, event);
  HASH_ADD_KEYPTR(hh, journal->entries, own->texts[0], strlen(own->texts[0]), own);
  return GRPC_STATUS_OK;
}

static mesh_code append(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  mesh_memory_journal *journal = self;
  entry *own = find_entry(journal, record->name);
  if (own == NULL) return not_found(record->name, err);
  if (record->last_sequence != own->record.last_sequence + 1 || record->epoch < own->record.epoch) {
    return mesh_fail(err, GRPC_STATUS_ABORTED,
                     "operation %s is at event %lld of epoch %lld: event %lld of epoch %lld is "
                     "refused",
                     record->name, (long long)own->record.last_sequence,
                     (long long)own->record.epoch, (long long)record->last_sequence,
                     (long long)record->epoch);
  }
  take_changes(own, record);
  add_event(own, event);
  if (record->outcome.size_bytes > 0 && ++journal->ended > MESH_MEMORY_ENDED_MAX) {
    forget_oldest_ended(journal);
  }
  return GRPC_STATUS_OK;
}

// An event that is added meanwhile may move the table, or have others forgotten: what each() gets
// is found anew each time.
static mesh_code read_events(void *self, const char *name, int64_t after_sequence, int limit,
                             mesh_each_event each, void *arg, int *count, mesh_error *err) {
  mesh_memory_journal *journal = self;
  entry *own = find_entry(journal, name);
  if (own == NULL) return not_found(name, err);
  int passed = 0;
  size_t at = after_sequence < 0 ? 0 : (size_t)after_sequence;
  while (own != NULL && passed < limit && at < own->forgotten + own->count) {
    mesh_bytes copy = {0};
    if (at < own->forgotten) at = own->forgotten;
    mesh_bytes_set(&copy, mesh_bytes_view(own->events[at++ - own->forgotten]));
    each(arg, (int64_t)at, mesh_bytes_view(copy));
    free(copy.data);
    passed++;
    own = find_entry(journal, name);
  }
  if (count != NULL) *count = passed;
  return GRPC_STATUS_OK;
}

static mesh_code find(void *self, const char *name, const char *request_id, mesh_each_record each,
                      void *arg, mesh_error *err) {
  mesh_memory_journal *journal = self;
  entry *own = name != NULL ? find_entry(journal, name) : find_request(journal, request_id);
  if (own == NULL) return not_found(name != NULL ? name : request_id, err);
  show_entry(journal, own, each, arg);
  return GRPC_STATUS_OK;
}

static bool has_labels(const char *labels, const char *wanted) {
  while (wanted != NULL && *wanted != '\0') {
    size_t size = strcspn(wanted, "\n") + 1;
    const char *at = labels;
    while (*at != '\0' && strncmp(at, wanted, size) != 0)
      at += strcspn(at, "\n") + 1;
    if (*at == '\0') return false;
    wanted += size;
  }
  return true;
}

static bool matches(const mesh_operation_record *record, const mesh_operation_filter *filter) {
  if (filter->kind != NULL && filter->kind[0] != '\0' && strcmp(filter->kind, record->kind) != 0) {
    return false;
  }
  if (filter->state != 0 && filter->state != record->state) return false;
  if (record->created_ns < filter->created_from_ns) return false;
  if (filter->created_to_ns != 0 && record->created_ns >= filter->created_to_ns) return false;
  return has_labels(record->labels, filter->labels);
}

static mesh_code list(void *self, const mesh_operation_filter *filter, mesh_each_record each,
                      void *arg, bool *more, mesh_error *err) {
  *more = false;
  mesh_memory_journal *journal = self;
  entry *at = NULL;
  if (filter->after != NULL && filter->after[0] != '\0') {
    at = find_entry(journal, filter->after);
    if (at == NULL) return not_found(filter->after, err);
    at = at->hh.prev;
  } else if (journal->entries != NULL) {
    at = ELMT_FROM_HH(journal->entries->hh.tbl, journal->entries->hh.tbl->tail);
  }
  for (int passed = 0; at != NULL && passed < filter->limit;) {
    if (at->gone || !matches(&at->record, filter)) {
      at = at->hh.prev;
    } else {
      at = show_entry(journal, at, each, arg);
      passed++;
    }
  }
  return GRPC_STATUS_OK;
}

static mesh_code remove_operation(void *self, const char *name, int64_t *events, mesh_error *err) {
  mesh_memory_journal *journal = self;
  entry *own = find_entry(journal, name);
  if (own == NULL) return not_found(name, err);
  if (events != NULL) *events = (int64_t)(own->forgotten + own->count);
  if (own->outcome.size_bytes > 0) journal->ended--;
  remove_entry(journal, own);
  return GRPC_STATUS_OK;
}

mesh_memory_journal *mesh_memory_journal_create(void) {
  mesh_memory_journal *journal = calloc(1, sizeof *journal);
  if (journal == NULL) abort();
  journal->table =
      (mesh_journal){journal, create, append, read_events, find, list, remove_operation, NULL};
  return journal;
}

void mesh_memory_journal_destroy(mesh_memory_journal *journal) {
  if (journal == NULL) return;
  while (journal->entries != NULL)
    free_entry(journal, journal->entries);
  free(journal);
}

const mesh_journal *mesh_memory_journal_table(mesh_memory_journal *journal) {
  return &journal->table;
}
