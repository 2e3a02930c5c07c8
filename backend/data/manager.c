#include "backend/data/manager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/load.h"
#include "backend/data/load_many.h"
#include "backend/data/manager_delete.h"
#include "backend/data/manager_gaps.h"
#include "backend/data/manager_validate.h"
#include "market/bar_columns.h"
#include "market/timeframe.h"
#include "mesh/operation/relay.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/pool.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "requests/data.h"

enum { READ_BATCH = 4096 };  // bars a message: about 200 KiB

data_manager_options data_manager_defaults(void) {
  return (data_manager_options){.patience_ms = INT64_C(12) * 3600 * 1000,
                                .parallel = 4,
                                .backoff = {.base_ms = 100, .cap_ms = 3000, .attempts = 10}};
}

// ---- Load ----

static mesh_code load_series(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  data_manager *self = arg;
  mesh_start start;
  mesh_work work;
  mesh_code code =
      load_prepare(self, (mesh_view){frame.data, frame.size_bytes}, &start, &work, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_operation_serve(self->operations, &start, &work, call, err);
}

static mesh_code load_many(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  data_manager *self = arg;
  mesh_start start;
  mesh_work work;
  mesh_code code =
      load_many_prepare(self, (mesh_view){frame.data, frame.size_bytes}, &start, &work, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_operation_serve(self->operations, &start, &work, call, err);
}

mesh_kind data_manager_kind_of_many(data_manager *self) {
  return (mesh_kind){"load-many", load_many_prepare, self};
}

mesh_kind data_manager_kind(data_manager *self) {
  return (mesh_kind){"load", load_prepare, self};
}

// ---- Read ----

typedef struct read_job {
  data_manager *self;
  series_key key;  // as it is asked for; then of the series
  series_choice found;
  int64_t from_s, to_s, last;
  int64_t count;     // of the whole window
  int64_t series;    // see store_columns
  bar_columns bars;  // one batch
  mesh_error *err;
  mesh_code code;
} read_job;

static void do_start_read(void *arg) {
  read_job *job = arg;
  store *store = job->self->store;
  job->code = series_choose(store, &job->key, &job->self->options.defaults, &job->found, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  job->key = series_choice_key(&job->found, job->key.timeframe);
  job->code = store_count_bars(store, &job->key, job->from_s, job->to_s, job->last, &job->count,
                               &job->from_s, job->err);
}

static void do_read_batch(void *arg) {
  read_job *job = arg;
  bar_columns *bars = &job->bars;
  store_columns columns = {READ_BATCH, bars->times, bars->open,   bars->high,
                           bars->low,  bars->close, bars->volume, &job->series};
  job->code = store_read_bars(job->self->store, &job->key, job->from_s, job->to_s, &columns,
                              &bars->count, job->err);
}

static mesh_bytes encode(const bar_columns *bars) {
  mesh_bytes bytes = {.data = malloc(bar_columns_bound(bars->count))};
  if (bytes.data == NULL) abort();
  bytes.size_bytes = bar_columns_encode(bars, 0, bars->count, false, bytes.data);
  return bytes;
}

static mesh_code send_batches(data_manager *self, mesh_call *call, read_job *job, mesh_error *err) {
  mesh_code code;
  size_t count;
  do {
    bar_columns_reserve(&job->bars, READ_BATCH);
    code = mesh_pool_ask(self->pool, mesh_call_scope(call), do_read_batch, job, err);
    if (code == GRPC_STATUS_OK) code = job->code;
    count = code == GRPC_STATUS_OK ? job->bars.count : 0;
    if (count > 0) job->from_s = job->bars.times[count - 1] + 1;
    mesh_bytes batch = count > 0 ? encode(&job->bars) : (mesh_bytes){0};
    bar_columns_clear(&job->bars);  // a caller may take long
    if (count > 0) code = mesh_call_send_bytes(call, batch, err);
  } while (code == GRPC_STATUS_OK && count == READ_BATCH);
  return code;
}

static int64_t seconds_or(const Google__Protobuf__Timestamp *time, int64_t unset) {
  return time == NULL ? unset : time->seconds;
}

static mesh_code read_asked(data_manager *self, mesh_call *call,
                            const Millrace__V1__ReadRequest *request, mesh_error *err) {
  read_job job = {.self = self,
                  .key = {request->symbol, request->timeframe, request->source, request->prices,
                          request->session},
                  .from_s = seconds_or(request->from, INT64_MIN),
                  .to_s = seconds_or(request->to, INT64_MAX),
                  .last = request->last,
                  .err = err};
  mesh_code code = mesh_pool_ask(self->pool, mesh_call_scope(call), do_start_read, &job, err);
  if (code == GRPC_STATUS_OK) code = job.code;
  return code == GRPC_STATUS_OK ? send_batches(self, call, &job, err) : code;
}

static mesh_code read_series(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Millrace__V1__ReadRequest *request =
      data_request_take(&millrace__v1__read_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_code code = read_asked(arg, call, request, err);
  millrace__v1__read_request__free_unpacked(request, NULL);
  return code;
}

// ---- List ----

typedef struct listed_series {
  char symbol[INSTRUMENT_NAME_MAX], timeframe[8], source[SERIES_SOURCE_MAX];
  char prices[PRICES_NAME_MAX], session[SESSION_NAME_MAX];
  int64_t bars, first_s, last_s, updated_ns;
} listed_series;

typedef struct list_job {
  store *store;
  const char *symbol;
  listed_series *series;  // owned: room for STORE_SERIES_PAGE, a page of them
  size_t count;
  listed_series last;  // of the page before; its symbol is "" at the first
  mesh_error *err;
  mesh_code code;
} list_job;

static void copy_series(listed_series *copy, const store_series *series) {
  mesh_text_copy(copy->symbol, sizeof copy->symbol, series->key.symbol);
  mesh_text_copy(copy->timeframe, sizeof copy->timeframe, series->key.timeframe);
  mesh_text_copy(copy->source, sizeof copy->source, series->key.source);
  mesh_text_copy(copy->prices, sizeof copy->prices, series->key.prices);
  mesh_text_copy(copy->session, sizeof copy->session, series->key.session);
  copy->bars = series->bars;
  copy->first_s = series->first_s;
  copy->last_s = series->last_s;
  copy->updated_ns = series->updated_ns;
}

static void take_series(void *arg, const store_series *series) {
  list_job *job = arg;
  copy_series(&job->series[job->count++], series);
}

static void do_list(void *arg) {
  list_job *job = arg;
  series_key after = {job->last.symbol, job->last.timeframe, job->last.source, job->last.prices,
                      job->last.session};
  job->code = store_list_series(job->store, job->symbol, after.symbol[0] != '\0' ? &after : NULL,
                                take_series, job, job->err);
}

static mesh_code send_series(mesh_call *call, const listed_series *series, mesh_error *err) {
  Google__Protobuf__Timestamp first = GOOGLE__PROTOBUF__TIMESTAMP__INIT, last = first,
                              updated = first;
  first.seconds = series->first_s;
  last.seconds = series->last_s;
  updated.seconds = mesh_time_seconds(series->updated_ns);
  updated.nanos = mesh_time_nanos(series->updated_ns);
  Millrace__V1__Series message = MILLRACE__V1__SERIES__INIT;
  message.symbol = (char *)series->symbol;
  message.timeframe = (char *)series->timeframe;
  message.source = (char *)series->source;
  message.prices = (char *)series->prices;
  message.session = (char *)series->session;
  message.bars = series->bars;
  message.first = &first;
  message.last = &last;
  message.updated = &updated;
  return mesh_message_send(call, &message.base, err);
}

static mesh_code list_series(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  data_manager *self = arg;
  Millrace__V1__ListSeriesRequest *request =
      data_request_take(&millrace__v1__list_series_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  list_job job = {.store = self->store, .symbol = request->symbol, .err = err};
  job.series = calloc(STORE_SERIES_PAGE, sizeof *job.series);
  if (job.series == NULL) abort();
  bool any = false;
  mesh_code code;
  do {
    job.count = 0;
    code = mesh_pool_ask(self->pool, mesh_call_scope(call), do_list, &job, err);
    if (code == GRPC_STATUS_OK) code = job.code;
    for (size_t i = 0; i < job.count && code == GRPC_STATUS_OK; i++) {
      code = send_series(call, &job.series[i], err);
    }
    if (job.count > 0) job.last = job.series[job.count - 1];
    any |= job.count > 0;
  } while (code == GRPC_STATUS_OK && job.count == STORE_SERIES_PAGE);
  if (code == GRPC_STATUS_OK && !any && request->symbol[0] != '\0') {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no series of %s is stored", request->symbol);
  }
  free(job.series);
  millrace__v1__list_series_request__free_unpacked(request, NULL);
  return code;
}

// ---- Describe ----

typedef struct describe_job {
  data_manager *self;
  const Millrace__V1__DescribeRequest *request;
  series_choice chosen;
  listed_series found;  // of 0 bars: it is not stored
  mesh_error *err;
  mesh_code code;
} describe_job;

static void take_described(void *arg, const store_series *series) {
  describe_job *job = arg;
  series_key chosen = series_choice_key(&job->chosen, job->request->timeframe);
  if (series_key_equal(&series->key, &chosen)) copy_series(&job->found, series);
}

static void do_describe(void *arg) {
  describe_job *job = arg;
  const Millrace__V1__DescribeRequest *request = job->request;
  store *store = job->self->store;
  series_key asked = {request->symbol, request->timeframe, request->source, request->prices,
                      request->session};
  const series_choice *found = &job->chosen;
  job->code = series_choose(store, &asked, &job->self->options.defaults, &job->chosen, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  series_key key = series_choice_key(found, request->timeframe);
  job->code = store_list_sources(store, &key, take_described, job, job->err);
  if (job->code != GRPC_STATUS_OK || job->found.bars > 0) return;
  job->code = mesh_fail(job->err, GRPC_STATUS_NOT_FOUND, "no stored series %s %s%s%s", asked.symbol,
                        asked.timeframe, found->source[0] != '\0' ? " of " : "", found->source);
}

static mesh_code describe_series(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  data_manager *self = arg;
  Millrace__V1__DescribeRequest *request =
      data_request_take(&millrace__v1__describe_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  describe_job job = {.self = self, .request = request, .err = err};
  mesh_code code = mesh_pool_ask(self->pool, mesh_call_scope(call), do_describe, &job, err);
  if (code == GRPC_STATUS_OK) code = job.code;
  millrace__v1__describe_request__free_unpacked(request, NULL);
  return code == GRPC_STATUS_OK ? send_series(call, &job.found, err) : code;
}

// ---- Subscribe and Search: the adapter's business, in its own messages ----

static mesh_code subscribe(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  // SubscribeRequest's symbol and timeframe have other numbers than WatchBarsRequest's.
  data_manager *self = arg;
  Millrace__V1__SubscribeRequest *request =
      data_request_take(&millrace__v1__subscribe_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  series_key asked = {.prices = request->prices, .session = request->session};
  series_choice usual = {0};
  mesh_text_copy(usual.symbol, sizeof usual.symbol, request->symbol);
  series_fill_defaults(&asked, &self->options.defaults, &usual);
  Millrace__V1__WatchBarsRequest watch = MILLRACE__V1__WATCH_BARS_REQUEST__INIT;
  watch.symbol = request->symbol;
  watch.timeframe = request->timeframe;
  watch.from = request->from;
  watch.after = request->after;
  watch.source = request->source;
  watch.prices = usual.prices;
  watch.session = usual.session;
  mesh_bytes bytes = mesh_message_pack(&watch.base);
  mesh_frame below = {bytes.data, bytes.size_bytes, false};
  mesh_code code =
      mesh_relay_live(call, self->adapter, "/millrace.v1.DataAdapter/WatchBars", below, err);
  free(bytes.data);
  millrace__v1__subscribe_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code search(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  // SearchRequest and SearchSymbolsRequest are the same on the wire.
  mesh_code code = data_request_check(&millrace__v1__search_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, ((data_manager *)arg)->adapter, "/millrace.v1.DataAdapter/SearchSymbols",
                    frame, err);
}

void data_manager_init(data_manager *self) {
  static const mesh_method methods[] = {
      {.name = "Load", .run = load_series},
      {.name = "LoadMany", .run = load_many},
      {.name = "Read", .run = read_series},
      {.name = "Gaps", .run = data_manager_gaps},
      {.name = "List", .run = list_series},
      {.name = "Describe", .run = describe_series},
      {.name = "Validate", .run = data_manager_validate},
      {.name = "Delete", .run = data_manager_delete},
      {.name = "Subscribe", .run = subscribe},
      {.name = "Search", .run = search},
  };
  self->refreshing = NULL;
  self->refresh_ended = (mesh_signal){0};
  self->service =
      (mesh_service){"millrace.v1.DataManager", methods, sizeof methods / sizeof *methods, self};
}
