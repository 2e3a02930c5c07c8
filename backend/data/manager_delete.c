// Why no load can begin in between. "Nobody uses it" and "it is gone" are one write of the store's
// one thread. An operation is in the journal, by a write of the same thread, before its work runs
// (mesh_operation_start):
// - created before: the write sees it, and refuses. What is interrupted has not ended there either.
// - created after: its plan reads the ledger later still, and finds none: it loads from the start.
// - created before by a text that no source has explained yet: the write cannot know that it means
//   this series, and lets it be. It asks the source, notes the answer by a write of the same
//   thread, hence after this one, and plans after that: it finds none, too.
// What a load stores comes with an event, which is refused once it has ended. One that was ended by
// force may still note where the source's first bar lies: that is true of an empty series, too.
// Live bars are not stored, and a watch has nothing in the journal.
#include "backend/data/manager_delete.h"

#include "backend/data/manager.h"
#include "backend/data/users.h"
#include "mesh/rpc/message.h"
#include "millrace/v1/data.pb-c.h"
#include "requests/data.h"

typedef struct delete_job {
  data_manager *self;
  const Millrace__V1__DeleteSeriesRequest *request;
  series_choice chosen;
  series_key key;
  int64_t bars;
  mesh_error *err;
  mesh_code code;
} delete_job;

static bool uses(void *arg, const char *const *texts, size_t count,
                 const store_operation *operation) {
  const delete_job *job = arg;
  return users_may_use(&job->self->options.defaults, &job->key, texts, count, operation->kind,
                       operation->request);
}

static void do_delete(void *arg) {
  delete_job *job = arg;
  const Millrace__V1__DeleteSeriesRequest *request = job->request;
  store *store = job->self->store;
  series_key asked = {request->symbol, request->timeframe, request->source, request->prices,
                      request->session};
  job->code = series_choose(store, &asked, &job->self->options.defaults, &job->chosen, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  job->key = series_choice_key(&job->chosen, request->timeframe);
  job->code = store_remove_unused_series(store, &job->key, uses, job, &job->bars, job->err);
}

static mesh_code send_deleted(mesh_call *call, const delete_job *job, mesh_error *err) {
  Millrace__V1__DeleteSeriesResponse message = MILLRACE__V1__DELETE_SERIES_RESPONSE__INIT;
  message.symbol = (char *)job->key.symbol;
  message.timeframe = (char *)job->key.timeframe;
  message.source = (char *)job->key.source;
  message.prices = (char *)job->key.prices;
  message.session = (char *)job->key.session;
  message.bars = job->bars;
  return mesh_message_send(call, &message.base, err);
}

mesh_code data_manager_delete(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Millrace__V1__DeleteSeriesRequest *request =
      data_request_take(&millrace__v1__delete_series_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  delete_job job = {.self = arg, .request = request, .err = err};
  mesh_code code = mesh_pool_ask(job.self->pool, mesh_call_scope(call), do_delete, &job, err);
  if (code == GRPC_STATUS_OK) code = job.code;
  if (code == GRPC_STATUS_OK) code = send_deleted(call, &job, err);
  millrace__v1__delete_series_request__free_unpacked(request, NULL);
  return code;
}
