#include "backend/data/manager_validate.h"

#include <stdlib.h>
#include <string.h>

#include "backend/data/manager.h"
#include "market/examine.h"
#include "market/interval.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/pool.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "requests/data.h"

enum { PAGE = 4096 };  // bars that are looked at between two waits

typedef struct validate_job {
  data_manager *self;
  const Millrace__V1__ValidateRequest *request;
  const timeframe *frame;
  series_choice series;
  int64_t from_s, to_s;
  int64_t number;      // see store_columns
  int64_t counted;     // bars, by the series itself
  int64_t changed_ns;  // since 1970: when it was last written to
  bar_examiner examiner;
  bar_columns bars;       // one page
  bar_finding *findings;  // owned: of one page
  size_t count, room;
  int64_t looked_at, found;
  mesh_error *err;
  mesh_code code;
} validate_job;

// ---- on a thread of the pool ----

static void take_count(void *arg, const store_series *series) {
  validate_job *job = arg;
  series_key key = series_choice_key(&job->series, job->request->timeframe);
  if (!series_key_equal(&series->key, &key)) return;
  job->counted = series->bars;
  job->changed_ns = series->updated_ns;
}

static void do_count(void *arg) {
  validate_job *job = arg;
  series_key key = series_choice_key(&job->series, job->request->timeframe);
  job->code = store_list_sources(job->self->store, &key, take_count, job, job->err);
}

static void do_choose(void *arg) {
  validate_job *job = arg;
  const Millrace__V1__ValidateRequest *request = job->request;
  series_key asked = {request->symbol, request->timeframe, request->source, request->prices,
                      request->session};
  job->code =
      series_choose(job->self->store, &asked, &job->self->options.defaults, &job->series, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  do_count(job);
}

static void take_finding(void *arg, const bar_finding *finding) {
  validate_job *job = arg;
  if (job->count == job->room) {
    job->room = 2 * job->room + 16;
    job->findings = realloc(job->findings, job->room * sizeof *job->findings);
    if (job->findings == NULL) abort();
  }
  job->findings[job->count++] = *finding;
}

static void do_page(void *arg) {
  validate_job *job = arg;
  bar_columns *bars = &job->bars;
  store_columns columns = {PAGE,      bars->times, bars->open,   bars->high,
                           bars->low, bars->close, bars->volume, &job->number};
  series_key key = series_choice_key(&job->series, job->request->timeframe);
  job->code = store_read_bars(job->self->store, &key, job->from_s, job->to_s, &columns,
                              &bars->count, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  for (size_t i = 0; i < bars->count; i++)
    bar_examine(&job->examiner, bars, i, take_finding, job);
  if (bars->count < PAGE) bar_examine_end(&job->examiner, take_finding, job);
  if (bars->count > 0) job->from_s = bars->times[bars->count - 1] + 1;
  job->looked_at += (int64_t)bars->count;
}

// ---- answers ----

static mesh_code send_finding(validate_job *job, mesh_call *call, Millrace__V1__Finding__Kind kind,
                              interval at, int64_t bars, const char *text, mesh_error *err) {
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT, to = from;
  Millrace__V1__Interval where = MILLRACE__V1__INTERVAL__INIT;
  Millrace__V1__Finding finding = MILLRACE__V1__FINDING__INIT;
  Millrace__V1__ValidateResponse response = MILLRACE__V1__VALIDATE_RESPONSE__INIT;
  from.seconds = at.from_s;
  to.seconds = at.to_s;
  where.from = &from;
  where.to = &to;
  finding.interval = &where;
  finding.kind = kind;
  finding.bars = bars;
  finding.text = (char *)text;
  response.finding = &finding;
  job->found++;
  return mesh_message_send(call, &response.base, err);
}

static mesh_code send_page(validate_job *job, mesh_call *call, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (size_t i = 0; i < job->count && code == GRPC_STATUS_OK; i++) {
    const bar_finding *one = &job->findings[i];
    char text[EXAMINE_TEXT_MAX];
    bar_finding_text(one, text);
    code = send_finding(job, call, (Millrace__V1__Finding__Kind)one->fault,
                        (interval){one->from_s, one->to_s}, (int64_t)one->bars, text, err);
  }
  job->count = 0;
  return code;
}

static mesh_code send_summary(const validate_job *job, mesh_call *call, mesh_error *err) {
  Millrace__V1__ValidateSummary summary = MILLRACE__V1__VALIDATE_SUMMARY__INIT;
  Millrace__V1__ValidateResponse response = MILLRACE__V1__VALIDATE_RESPONSE__INIT;
  summary.symbol = (char *)job->series.symbol;
  summary.source = (char *)job->series.source;
  summary.bars = job->looked_at;
  summary.findings = job->found;
  response.summary = &summary;
  return mesh_message_send(call, &response.base, err);
}

static mesh_code run_query(validate_job *job, mesh_call *call, void (*run)(void *arg),
                           mesh_error *err) {
  mesh_code code = mesh_pool_ask(job->self->pool, mesh_call_scope(call), run, job, err);
  return code == GRPC_STATUS_OK ? job->code : code;
}

// Of the whole series, and where nobody wrote to it while it was read page by page: else the two
// numbers are of two moments.
static mesh_code compare_count(validate_job *job, mesh_call *call, mesh_error *err) {
  char text[EXAMINE_TEXT_MAX];
  int64_t changed_ns = job->changed_ns;
  if (job->request->from != NULL || job->request->to != NULL) return GRPC_STATUS_OK;
  mesh_code code = run_query(job, call, do_count, err);
  bool same = job->counted == job->looked_at || job->changed_ns != changed_ns;
  if (code != GRPC_STATUS_OK || same) return code;
  mesh_text_format(text, sizeof text, "the series counts %lld bars, and has %lld",
                   (long long)job->counted, (long long)job->looked_at);
  return send_finding(job, call, MILLRACE__V1__FINDING__KIND__COUNT, (interval){0, 0},
                      job->looked_at, text, err);
}

static mesh_code validate(validate_job *job, mesh_call *call, mesh_error *err) {
  mesh_code code = timeframe_parse(job->request->timeframe, &job->frame, err);
  if (code == GRPC_STATUS_OK) code = run_query(job, call, do_choose, err);
  if (code != GRPC_STATUS_OK) return code;
  job->examiner = bar_examiner_for(job->series.symbol, job->frame);
  do {
    bar_columns_reserve(&job->bars, PAGE);
    code = run_query(job, call, do_page, err);
    if (code == GRPC_STATUS_OK) code = send_page(job, call, err);
  } while (code == GRPC_STATUS_OK && job->bars.count == PAGE);
  if (code == GRPC_STATUS_OK) code = compare_count(job, call, err);
  return code == GRPC_STATUS_OK ? send_summary(job, call, err) : code;
}

mesh_code data_manager_validate(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Millrace__V1__ValidateRequest *request =
      data_request_take(&millrace__v1__validate_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  validate_job *job = calloc(1, sizeof *job);
  if (job == NULL) abort();
  job->self = arg;
  job->request = request;
  job->err = err;
  job->from_s = request->from != NULL ? request->from->seconds : INT64_MIN;
  job->to_s = request->to != NULL ? request->to->seconds : INT64_MAX;
  mesh_code code = validate(job, call, err);
  bar_columns_clear(&job->bars);
  free(job->findings);
  free(job);
  millrace__v1__validate_request__free_unpacked(request, NULL);
  return code;
}
