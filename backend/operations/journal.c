#include "backend/operations/journal.h"

#include <stdlib.h>
#include <string.h>

enum { READ_LIMIT = 256 };  // events a pool job

// ---- write ----

typedef struct write_job {
  store *store;
  const mesh_operation_record *record;
  mesh_view event;
  mesh_error *err;
  mesh_code code;
} write_job;

static store_event make_event(const mesh_operation_record *record, mesh_view event) {
  return (store_event){.operation = record->name,
                       .epoch = record->epoch,
                       .sequence = record->last_sequence,
                       .state = (int32_t)record->state,
                       .updated_ns = record->updated_ns,
                       .detached = record->detached,
                       .event = event,
                       .outcome = record->outcome};
}

store_event store_journal_event(const mesh_entry *entry) {
  return make_event(&entry->record, entry->event);
}

static void do_create(void *arg) {
  write_job *job = arg;
  const mesh_operation_record *record = job->record;
  store_operation operation = {.name = record->name,
                               .kind = record->kind,
                               .title = record->title,
                               .request_id = record->request_id,
                               .work_key = record->work_key,
                               .state = (int32_t)record->state,
                               .detached = record->detached,
                               .epoch = record->epoch,
                               .last_sequence = record->last_sequence,
                               .created_ns = record->created_ns,
                               .updated_ns = record->updated_ns,
                               .outcome = record->outcome};
  job->code = store_create_operation(job->store, &operation, job->event, job->err);
}

static void do_append(void *arg) {
  write_job *job = arg;
  store_event event = make_event(job->record, job->event);
  job->code = store_append_event(job->store, &event, job->err);
}

static mesh_code run_write(store_journal *self, void (*work)(void *arg),
                           const mesh_operation_record *record, mesh_view event, mesh_error *err) {
  write_job job = {self->store, record, event, err, GRPC_STATUS_OK};
  mesh_pool_run(self->pool, self->loop, work, &job);
  return job.code;
}

static mesh_code create(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  return run_write(self, do_create, record, event, err);
}

static mesh_code append(void *self, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  return run_write(self, do_append, record, event, err);
}

// ---- read: a pool job copies, then the fiber passes the copies on ----

typedef struct copied_event {
  int64_t sequence;
  uint8_t *data;  // owned
  size_t size_bytes;
} copied_event;

typedef struct events_job {
  store *store;
  const char *name;
  int64_t after_sequence;
  copied_event events[READ_LIMIT];
  int count;
  mesh_error *err;
  mesh_code code;
} events_job;

static uint8_t *copy_bytes(mesh_view view) {
  uint8_t *copy = malloc(view.size_bytes + 1);
  if (copy == NULL) abort();
  if (view.size_bytes > 0) memcpy(copy, view.data, view.size_bytes);
  return copy;
}

static void copy_event(void *arg, int64_t sequence, mesh_view event) {
  events_job *job = arg;
  job->events[job->count++] = (copied_event){sequence, copy_bytes(event), event.size_bytes};
}

static void do_read(void *arg) {
  events_job *job = arg;
  job->count = 0;
  job->code = store_read_events(job->store, job->name, job->after_sequence, READ_LIMIT, copy_event,
                                job, job->err);
}

static mesh_code read_events(void *arg, const char *name, int64_t after_sequence,
                             void (*each)(void *arg, mesh_view event), void *each_arg,
                             mesh_error *err) {
  store_journal *self = arg;
  events_job *job = calloc(1, sizeof *job);
  if (job == NULL) abort();
  *job = (events_job){.store = self->store, .name = name, .after_sequence = after_sequence};
  job->err = err;
  do {
    mesh_pool_run(self->pool, self->loop, do_read, job);
    for (int i = 0; i < job->count; i++) {
      each(each_arg, (mesh_view){job->events[i].data, job->events[i].size_bytes});
      job->after_sequence = job->events[i].sequence;
      free(job->events[i].data);
    }
  } while (job->code == GRPC_STATUS_OK && job->count == READ_LIMIT);
  mesh_code code = job->code;
  free(job);
  return code;
}

typedef struct copied_record {
  mesh_operation_record record;
  char *texts[5];  // owned: name, kind, title, request id, work key
  uint8_t *outcome;
} copied_record;

typedef struct records_job {
  store *store;
  const char *name, *request_id;  // find
  const char *kind;               // list
  int32_t state;
  int limit;
  copied_record *records;
  size_t count, capacity;
  mesh_error *err;
  mesh_code code;
} records_job;

static void copy_record(void *arg, const store_operation *from) {
  records_job *job = arg;
  if (job->count == job->capacity) {
    job->capacity = 2 * job->capacity + 4;
    job->records = realloc(job->records, job->capacity * sizeof *job->records);
    if (job->records == NULL) abort();
  }
  copied_record *copy = &job->records[job->count++];
  const char *texts[5] = {from->name, from->kind, from->title, from->request_id, from->work_key};
  for (int i = 0; i < 5; i++) {
    copy->texts[i] = strdup(texts[i]);
    if (copy->texts[i] == NULL) abort();
  }
  copy->outcome = copy_bytes(from->outcome);
  copy->record = (mesh_operation_record){
      .name = copy->texts[0],
      .kind = copy->texts[1],
      .title = copy->texts[2],
      .request_id = copy->texts[3],
      .work_key = copy->texts[4],
      .state = (Millrace__V1__OperationState)from->state,
      .detached = from->detached,
      .epoch = from->epoch,
      .last_sequence = from->last_sequence,
      .created_ns = from->created_ns,
      .updated_ns = from->updated_ns,
      .outcome = {copy->outcome, from->outcome.size_bytes},
  };
}

static void do_find(void *arg) {
  records_job *job = arg;
  job->code =
      store_find_operation(job->store, job->name, job->request_id, copy_record, job, job->err);
}

static void do_list(void *arg) {
  records_job *job = arg;
  job->code = store_list_operations(job->store, job->kind, job->state, job->limit, copy_record, job,
                                    job->err);
}

static mesh_code pass_records(store_journal *self, records_job *job, void (*work)(void *arg),
                              void (*each)(void *arg, const mesh_operation_record *record),
                              void *each_arg) {
  mesh_pool_run(self->pool, self->loop, work, job);
  for (size_t i = 0; i < job->count; i++) {
    copied_record *copy = &job->records[i];
    each(each_arg, &copy->record);
    for (int j = 0; j < 5; j++)
      free(copy->texts[j]);
    free(copy->outcome);
  }
  free(job->records);
  return job->code;
}

static mesh_code find(void *arg, const char *name, const char *request_id,
                      void (*each)(void *arg, const mesh_operation_record *record), void *each_arg,
                      mesh_error *err) {
  store_journal *self = arg;
  records_job job = {.store = self->store, .name = name, .request_id = request_id, .err = err};
  return pass_records(self, &job, do_find, each, each_arg);
}

static mesh_code list(void *arg, const char *kind, Millrace__V1__OperationState state, int limit,
                      void (*each)(void *arg, const mesh_operation_record *record), void *each_arg,
                      mesh_error *err) {
  store_journal *self = arg;
  records_job job = {
      .store = self->store, .kind = kind, .state = (int32_t)state, .limit = limit, .err = err};
  return pass_records(self, &job, do_list, each, each_arg);
}

void store_journal_init(store_journal *self, store *store, mesh_pool *pool, mesh_loop *loop) {
  *self = (store_journal){.table = {self, create, append, read_events, find, list},
                          .store = store,
                          .pool = pool,
                          .loop = loop};
}
