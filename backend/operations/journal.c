#include "backend/operations/journal.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/wire_text.h"
#include "mesh/runtime/bytes.h"
#include "mesh/runtime/fiber.h"

// ---- write: the store's thread takes it into its next transaction, the fiber waits ----

typedef struct write_wait {
  mesh_op op;
  store_write write;
  mesh_loop *loop;
  mesh_fiber *fiber;
  bool done;
} write_wait;

// On the store's thread.
static void on_written(store_write *write) {
  write_wait *wait = write->arg;
  mesh_loop_post(wait->loop, &wait->op);
}

static void on_back(mesh_op *op, bool ok) {
  (void)ok;
  write_wait *wait = MESH_CONTAINER_OF(op, write_wait, op);
  wait->done = true;
  mesh_fiber_unpark(wait->fiber);
}

static void prepare_wait(write_wait *wait, store_journal *self) {
  *wait = (write_wait){.op = {.on_done = on_back, .name = "store write"},
                       .write = {.on_done = on_written, .arg = wait},
                       .loop = self->loop,
                       .fiber = mesh_fiber_current(self->loop)};
}

static mesh_code await_write(store_journal *self, write_wait *wait, mesh_error *err) {
  while (!wait->done)
    mesh_fiber_park(wait->loop);
  if (wait->write.code == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  *err = wait->write.err;
  if (self->on_taken != NULL && strcmp(err->reason, STORE_TAKEN) == 0) {
    self->on_taken(self->on_taken_arg, err);
  }
  return wait->write.code;
}

static store_event make_event(const mesh_operation_record *record, mesh_view event) {
  return (store_event){.operation = record->name,
                       .epoch = record->epoch,
                       .sequence = record->last_sequence,
                       .state = (int32_t)record->state,
                       .updated_ns = record->updated_ns,
                       .detached = record->detached,
                       .requested_by = record->requested_by,
                       .source_epoch = record->source_epoch,
                       .source_sequence = record->source_sequence,
                       .event = event,
                       .checkpoint = record->checkpoint,
                       .outcome = record->outcome};
}

static mesh_code create(void *arg, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  store_journal *self = arg;
  store_operation operation = {.name = record->name,
                               .kind = record->kind,
                               .title = record->title,
                               .request_id = record->request_id,
                               .work_key = record->work_key,
                               .labels = record->labels,
                               .request = record->request,
                               .requested_by = record->requested_by,
                               .state = (int32_t)record->state,
                               .detached = record->detached,
                               .epoch = record->epoch,
                               .last_sequence = record->last_sequence,
                               .source_epoch = record->source_epoch,
                               .source_sequence = record->source_sequence,
                               .created_ns = record->created_ns,
                               .updated_ns = record->updated_ns,
                               .checkpoint = record->checkpoint,
                               .outcome = record->outcome};
  write_wait wait;
  prepare_wait(&wait, self);
  store_start_create(self->store, &operation, event, &wait.write);
  return await_write(self, &wait, err);
}

static mesh_code append(void *arg, const mesh_operation_record *record, mesh_view event,
                        mesh_error *err) {
  store_journal *self = arg;
  store_event what = make_event(record, event);
  write_wait wait;
  prepare_wait(&wait, self);
  store_start_append(self->store, &what, &wait.write);
  return await_write(self, &wait, err);
}

static mesh_code check_owner(void *arg, mesh_error *err) {
  store_journal *self = arg;
  write_wait wait;
  prepare_wait(&wait, self);
  store_start_check(self->store, &wait.write);
  return await_write(self, &wait, err);
}

mesh_code store_journal_put_segment(store_journal *self, const series_key *key,
                                    const store_ledger *ledger, const store_bars *bars,
                                    const mesh_entry *entry, mesh_error *err) {
  store_event what;
  if (entry != NULL) what = make_event(&entry->record, entry->event);
  write_wait wait;
  prepare_wait(&wait, self);
  store_start_segment(self->store, key, ledger, bars, entry != NULL ? &what : NULL, &wait.write);
  return await_write(self, &wait, err);
}

// ---- read: a pool job copies, then the fiber passes the copies on ----

typedef struct copied_event {
  int64_t sequence;
  mesh_bytes bytes;
} copied_event;

typedef struct events_job {
  store *store;
  const char *name;
  int64_t after_sequence;
  int limit;
  copied_event *events;
  int count;
  mesh_error *err;
  mesh_code code;
} events_job;

static void copy_event(void *arg, int64_t sequence, mesh_view event) {
  events_job *job = arg;
  copied_event *copy = &job->events[job->count++];
  copy->sequence = sequence;
  mesh_bytes_set(&copy->bytes, event);
  // What an older program has written: clients of any library go on reading behind it.
  mesh_wire_mend_text(mesh_wire_type_of(&millrace__v1__operation_event__descriptor),
                      copy->bytes.data, copy->bytes.size_bytes);
}

static void do_read(void *arg) {
  events_job *job = arg;
  job->code = store_read_events(job->store, job->name, job->after_sequence, job->limit, copy_event,
                                job, job->err);
}

static mesh_code read_events(void *arg, const char *name, int64_t after_sequence, int limit,
                             mesh_each_event each, void *each_arg, int *count, mesh_error *err) {
  store_journal *self = arg;
  events_job job = {.store = self->store,
                    .name = name,
                    .after_sequence = after_sequence,
                    .limit = limit,
                    .events = calloc((size_t)limit, sizeof *job.events),
                    .err = err};
  if (job.events == NULL) abort();
  mesh_pool_run(self->pool, self->loop, do_read, &job);
  for (int i = 0; i < job.count; i++) {
    copied_event *event = &job.events[i];
    each(each_arg, event->sequence, mesh_bytes_view(event->bytes));
    free(event->bytes.data);
  }
  free(job.events);
  if (count != NULL) *count = job.count;
  return job.code;
}

enum { TEXTS = 7 };

typedef struct copied_record {
  mesh_operation_record record;
  char *texts[TEXTS];  // owned: name, kind, title, request id, work key, labels, requested by
  mesh_bytes request, checkpoint, outcome;
} copied_record;

typedef struct records_job {
  store *store;
  const char *name, *request_id;        // find
  const mesh_operation_filter *filter;  // list
  bool more;                            // list
  copied_record *records;
  size_t count, capacity;
  mesh_error *err;
  mesh_code code;
} records_job;

static mesh_view copy_view(mesh_view from, mesh_bytes *copy) {
  *copy = (mesh_bytes){0};  // the array is not zeroed
  mesh_bytes_set(copy, from);
  return mesh_bytes_view(*copy);
}

static void copy_record(void *arg, const store_operation *from) {
  records_job *job = arg;
  if (job->count == job->capacity) {
    job->capacity = 2 * job->capacity + 4;
    job->records = realloc(job->records, job->capacity * sizeof *job->records);
    if (job->records == NULL) abort();
  }
  copied_record *copy = &job->records[job->count++];
  const char *texts[TEXTS] = {from->name,     from->kind,   from->title,       from->request_id,
                              from->work_key, from->labels, from->requested_by};
  for (int i = 0; i < TEXTS; i++) {
    copy->texts[i] = strdup(texts[i]);
    if (copy->texts[i] == NULL) abort();
  }
  copy->record = (mesh_operation_record){
      .name = copy->texts[0],
      .kind = copy->texts[1],
      .title = copy->texts[2],
      .request_id = copy->texts[3],
      .work_key = copy->texts[4],
      .labels = copy->texts[5],
      .requested_by = copy->texts[6],
      .request = copy_view(from->request, &copy->request),
      .state = (Millrace__V1__OperationState)from->state,
      .detached = from->detached,
      .epoch = from->epoch,
      .last_sequence = from->last_sequence,
      .source_epoch = from->source_epoch,
      .source_sequence = from->source_sequence,
      .created_ns = from->created_ns,
      .updated_ns = from->updated_ns,
      .checkpoint = copy_view(from->checkpoint, &copy->checkpoint),
      .outcome = copy_view(from->outcome, &copy->outcome),
  };
}

static void free_record(copied_record *copy) {
  for (int i = 0; i < TEXTS; i++)
    free(copy->texts[i]);
  free(copy->request.data);
  free(copy->checkpoint.data);
  free(copy->outcome.data);
}

static mesh_code pass_records(store_journal *self, records_job *job, void (*work)(void *arg),
                              mesh_each_record each, void *each_arg) {
  mesh_pool_run(self->pool, self->loop, work, job);
  for (size_t i = 0; i < job->count; i++) {
    each(each_arg, &job->records[i].record);
    free_record(&job->records[i]);
  }
  free(job->records);
  return job->code;
}

static void do_find(void *arg) {
  records_job *job = arg;
  job->code =
      store_find_operation(job->store, job->name, job->request_id, copy_record, job, job->err);
}

static mesh_code find(void *arg, const char *name, const char *request_id, mesh_each_record each,
                      void *each_arg, mesh_error *err) {
  store_journal *self = arg;
  records_job job = {.store = self->store, .name = name, .request_id = request_id, .err = err};
  return pass_records(self, &job, do_find, each, each_arg);
}

static void do_list(void *arg) {
  records_job *job = arg;
  const mesh_operation_filter *from = job->filter;
  store_filter filter = {.kind = from->kind,
                         .labels = from->labels,
                         .state = (int32_t)from->state,
                         .created_from_ns = from->created_from_ns,
                         .created_to_ns = from->created_to_ns,
                         .after = from->after,
                         .after_created_ns = from->after_created_ns,
                         .whole = from->whole,
                         .limit = from->limit};
  job->code = store_list_operations(job->store, &filter, copy_record, job, &job->more, job->err);
}

static mesh_code list(void *arg, const mesh_operation_filter *filter, mesh_each_record each,
                      void *each_arg, bool *more, mesh_error *err) {
  store_journal *self = arg;
  records_job job = {.store = self->store, .filter = filter, .err = err};
  mesh_code code = pass_records(self, &job, do_list, each, each_arg);
  *more = job.more;
  return code;
}

// Not on the pool: it may wait for long, and others want to read meanwhile.
static mesh_code remove_operation(void *arg, const char *name, int64_t *events, mesh_error *err) {
  store_journal *self = arg;
  write_wait wait;
  prepare_wait(&wait, self);
  store_start_remove(self->store, name, &wait.write);
  mesh_code code = await_write(self, &wait, err);
  if (events != NULL) *events = code == GRPC_STATUS_OK ? wait.write.remove.events : 0;
  return code;
}

void store_journal_init(store_journal *self, store *store, mesh_pool *pool, mesh_loop *loop) {
  *self = (store_journal){
      .table = {self, create, append, read_events, find, list, remove_operation, check_owner},
      .store = store,
      .pool = pool,
      .loop = loop,
  };
}
