#include "backend/data/load_many.h"

#include <stdlib.h>
#include <string.h>

#include "backend/data/load.h"
#include "mesh/operation/message_report.h"
#include "mesh/operation/orchestrate.h"
#include "mesh/program/file.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "requests/data.h"

enum { CHILDREN_MOST = 8, TEXT_MAX = 256, TITLE_MAX = 160, SUMMARY_MAX = 480, NAMED_MOST = 3 };

// A series, and what came of it.
typedef struct part {
  char operation[MESH_OPERATION_NAME_MAX], symbol[INSTRUMENT_NAME_MAX], text[TEXT_MAX];
  mesh_code code;
  int64_t bars, requests;
  Millrace__V1__LoadManyPart message;
} part;

typedef struct many {
  data_manager *manager;
  mesh_operation *operation;
  Millrace__V1__LoadManyRequest *request;  // owned
  char title[TITLE_MAX], work_key[MESH_SHA256_HEX + 16], summary[SUMMARY_MAX];
  part *parts;  // owned; symbol by symbol, and of each every timeframe
  size_t count, done, succeeded;
  size_t left;  // those that go on for others behind a cancel
  int64_t bars, started_ns;
  Millrace__V1__LoadManyResult result;
  Millrace__V1__LoadManyPart **pointers;  // owned
} many;

static const char *symbol_of(const many *own, size_t index) {
  return own->request->symbols[index / own->request->n_timeframes];
}

static const char *timeframe_of(const many *own, size_t index) {
  return own->request->timeframes[index % own->request->n_timeframes];
}

// ---- starting a child ----

// The request of one series: detached, since its parent is no watcher, and with the parent's name.
static mesh_bytes pack_request(const many *own, size_t index) {
  Millrace__V1__LoadRequest one = *own->request->each;
  Millrace__V1__StartOptions start = MILLRACE__V1__START_OPTIONS__INIT;
  Millrace__V1__StartOptions__LabelsEntry label = MILLRACE__V1__START_OPTIONS__LABELS_ENTRY__INIT;
  Millrace__V1__StartOptions__LabelsEntry *labels[] = {&label};
  label.key = "parent";
  label.value = (char *)mesh_operation_name(own->operation);
  start.detached = true;
  start.n_labels = 1;
  start.labels = labels;
  one.symbol = (char *)symbol_of(own, index);
  one.timeframe = (char *)timeframe_of(own, index);
  one.start = &start;
  return mesh_message_pack(&one.base);
}

static void name_child(const many *own, size_t index, char name[MESH_OPERATION_NAME_MAX]) {
  mesh_text_format(name, MESH_OPERATION_NAME_MAX, "%s-%zu", mesh_operation_name(own->operation),
                   index + 1);
}

static mesh_code start_once(many *own, size_t index, mesh_view request, mesh_error *err) {
  mesh_start start;
  mesh_work work;
  char name[MESH_OPERATION_NAME_MAX];
  const char *joined = NULL;
  mesh_code code = load_prepare(own->manager, request, &start, &work, err);
  if (code != GRPC_STATUS_OK) return code;
  name_child(own, index, name);
  start.name = name;
  start.is_part = true;
  code = mesh_operation_start(own->manager->operations, &start, &work, own->parts[index].operation,
                              &joined, err);
  if (code != GRPC_STATUS_OK || joined != NULL) work.on_end(work.arg);
  return code;
}

// Who starts too many at a time is told when there is room again.
static mesh_code start_child(many *own, mesh_scope *scope, size_t index, mesh_error *err) {
  mesh_bytes request = pack_request(own, index);
  mesh_code code;
  for (;;) {
    code = start_once(own, index, mesh_bytes_view(request), err);
    if (code != GRPC_STATUS_RESOURCE_EXHAUSTED || !mesh_error_is_retryable(err)) break;
    int64_t due_ns = mesh_time_after_ms(mesh_now_ns(), err->retry_after_ms + 1);
    code = mesh_sleep_until(scope, due_ns, err);
    if (code != GRPC_STATUS_OK) break;
  }
  free(request.data);
  return code;
}

// ---- what came of it ----

static void take_outcome(void *arg, const mesh_operation_record *record) {
  part *one = arg;
  Millrace__V1__Outcome *outcome = mesh_message_unpack(
      &millrace__v1__outcome__descriptor, record->outcome.data, record->outcome.size_bytes);
  one->code = GRPC_STATUS_UNKNOWN;
  mesh_text_copy(one->text, sizeof one->text, "it has no outcome that can be read");
  if (outcome == NULL) return;
  if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED) {
    const Millrace__V1__Succeeded *done = outcome->succeeded;
    bool is_load = done->result_case == MILLRACE__V1__SUCCEEDED__RESULT_LOAD;
    bool whole = is_load && done->load->n_missing == 0;
    one->code = whole ? GRPC_STATUS_OK : GRPC_STATUS_ABORTED;
    one->bars = is_load ? done->load->bars_stored : 0;
    if (is_load) mesh_text_copy(one->symbol, sizeof one->symbol, done->load->symbol);
    mesh_text_copy(one->text, sizeof one->text, done->summary);
  } else if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_FAILED) {
    one->code = mesh_failure_code(outcome->failed->code);
    mesh_text_copy(one->text, sizeof one->text, outcome->failed->message);
  } else if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED) {
    one->code = GRPC_STATUS_CANCELLED;
    mesh_text_format(one->text, sizeof one->text, "cancelled by %.*s",
                     MESH_TEXT_SHOWN(outcome->cancelled->requested_by, 100));
  }
  millrace__v1__outcome__free_unpacked(outcome, NULL);
}

static mesh_code read_outcome(many *own, part *one, mesh_error *err) {
  const mesh_journal *journal = &own->manager->journal->table;
  mesh_code code = journal->find(journal->self, one->operation, NULL, take_outcome, one, err);
  if (code != GRPC_STATUS_NOT_FOUND) return code;
  one->code = code;  // forgotten by hand meanwhile
  mesh_text_copy(one->text, sizeof one->text, "it was deleted before its outcome was read");
  return GRPC_STATUS_OK;
}

// What fails alone is told at once; the rest is in the progress.
static mesh_code report(many *own, size_t index, mesh_error *err) {
  const part *one = &own->parts[index];
  if (one->code == GRPC_STATUS_OK) return one->code;
  char text[TEXT_MAX + 96];
  mesh_text_format(text, sizeof text, "%s %s: %s", symbol_of(own, index), timeframe_of(own, index),
                   one->text);
  Millrace__V1__LogLine line = MILLRACE__V1__LOG_LINE__INIT;
  line.level = MILLRACE__V1__LOG_LINE__LEVEL__WARNING;
  line.layer = "data-manager";
  line.text = text;
  return mesh_message_report(own->operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_LOG, &line.base,
                             err);
}

static void show_progress(many *own, const char *note) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  double elapsed_s = (double)(mesh_now_ns() - own->started_ns) / 1e9;
  progress.done = (int64_t)own->done;
  progress.total = (int64_t)own->count;
  progress.unit = "series";
  progress.bars = own->bars;
  progress.rate = elapsed_s > 0 ? (double)own->bars / elapsed_s : 0;
  progress.eta_s =
      own->done > 0 ? elapsed_s / (double)own->done * (double)(own->count - own->done) : -1;
  progress.note = (char *)note;
  mesh_operation_progress(own->operation, &progress);
}

// ---- the work ----

// It began this one, and nobody else holds it.
static bool is_its_alone(const many *own, const part *one) {
  char name[MESH_OPERATION_NAME_MAX];
  name_child(own, (size_t)(one - own->parts), name);
  return strcmp(name, one->operation) == 0 &&
         !mesh_operation_is_shared(own->manager->operations, name);
}

// The parent was asked to stop, not only its process: then so are its children.
static void stop_child(many *own, const part *one) {
  mesh_error ignored;
  mesh_scope *scope = mesh_operation_scope(own->operation);
  bool leaves = scope->code == GRPC_STATUS_UNAVAILABLE;
  if (leaves || one->operation[0] == '\0') return;
  if (!is_its_alone(own, one)) {
    own->left++;
    return;
  }
  const char *by = mesh_operation_requested_by(own->operation);
  mesh_code code = mesh_operation_cancel(own->manager->operations, one->operation,
                                         by[0] != '\0' ? by : "its parent", &ignored);
  if (code != GRPC_STATUS_OK) return;  // it has ended
  code = mesh_operation_await(own->manager->operations, one->operation,
                              mesh_operation_stop_scope(own->operation), &ignored);
  (void)code;
}

static mesh_code load_part(mesh_scope *scope, size_t index, void *arg, mesh_error *err) {
  many *own = arg;
  part *one = &own->parts[index];
  show_progress(own, symbol_of(own, index));
  mesh_error why;
  mesh_code code = start_child(own, scope, index, &why);
  if (code == GRPC_STATUS_OK) {
    code = mesh_operation_await(own->manager->operations, one->operation, scope, &why);
  }
  if (scope->code != GRPC_STATUS_OK) {
    stop_child(own, one);
    return mesh_scope_check(scope, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = read_outcome(own, one, err);
    if (code != GRPC_STATUS_OK) return code;
  } else {
    one->code = code;
    mesh_text_format(one->text, sizeof one->text, "%.*s", MESH_TEXT_SHOWN(why.message, 240));
  }
  own->done++;
  own->succeeded += one->code == GRPC_STATUS_OK;
  own->bars += one->bars;
  show_progress(own, symbol_of(own, index));
  return report(own, index, err);
}

// The first ones that failed, by name.
static void append_failures(many *own, size_t most) {
  size_t named = 0;
  for (size_t i = 0; i < own->count && named < most; i++) {
    const part *one = &own->parts[i];
    if (one->code == GRPC_STATUS_OK || one->text[0] == '\0') continue;
    mesh_text_append(own->summary, sizeof own->summary, "%s %s %s (%.*s)", named++ > 0 ? "," : ":",
                     symbol_of(own, i), timeframe_of(own, i), MESH_TEXT_SHOWN(one->text, 90));
  }
}

static void fill_result(many *own) {
  size_t failed = own->done - own->succeeded;
  millrace__v1__load_many_result__init(&own->result);
  for (size_t i = 0; i < own->count; i++) {
    part *one = &own->parts[i];
    millrace__v1__load_many_part__init(&one->message);
    one->message.symbol = one->symbol[0] != '\0' ? one->symbol : (char *)symbol_of(own, i);
    one->message.timeframe = (char *)timeframe_of(own, i);
    one->message.operation = one->operation;
    one->message.code = one->code;
    one->message.bars_stored = one->bars;
    one->message.text = one->text;
    own->pointers[i] = &one->message;
  }
  own->result.parts = own->pointers;
  own->result.n_parts = own->count;
  own->result.succeeded = (int32_t)own->succeeded;
  own->result.failed = (int32_t)failed;
  own->result.bars_stored = own->bars;
  own->result.elapsed_s = (double)(mesh_now_ns() - own->started_ns) / 1e9;
  mesh_text_format(own->summary, sizeof own->summary,
                   "%zu of %zu series, %lld bars stored in %.2f s", own->succeeded, own->count,
                   (long long)own->bars, own->result.elapsed_s);
  if (own->left > 0) {
    mesh_text_append(own->summary, sizeof own->summary, "; left to others: %zu", own->left);
  }
  if (failed == 0) return;
  mesh_text_append(own->summary, sizeof own->summary, "; %zu failed", failed);
  append_failures(own, NAMED_MOST);
}

static mesh_code run(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                     Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  many *own = arg;
  own->operation = operation;
  own->started_ns = mesh_now_ns();
  mesh_scope *scope = mesh_operation_scope(operation);
  mesh_code code =
      mesh_orchestrate(scope, own->count, own->manager->options.parallel, load_part, own, err);
  fill_result(own);
  if (code == GRPC_STATUS_CANCELLED) cancelled->summary = own->summary;
  if (code != GRPC_STATUS_OK) return code;
  if (own->succeeded == 0) {
    return mesh_fail(err, own->parts[0].code, "none of %zu series was loaded: %.*s", own->count,
                     MESH_TEXT_SHOWN(own->summary, 400));
  }
  succeeded->summary = own->summary;
  succeeded->result_case = MILLRACE__V1__SUCCEEDED__RESULT_LOAD_MANY;
  succeeded->load_many = &own->result;
  return code;
}

static void free_many(void *arg) {
  many *own = arg;
  if (own->request != NULL) millrace__v1__load_many_request__free_unpacked(own->request, NULL);
  free(own->parts);
  free(own->pointers);
  free(own);
}

// ---- the request ----

// "AAPL, MSFT and 28 more, 1h 1d"
static void make_title(many *own) {
  size_t shown = own->request->n_symbols < NAMED_MOST ? own->request->n_symbols : NAMED_MOST;
  for (size_t i = 0; i < shown; i++)
    mesh_text_append(own->title, 100, "%s%s", i > 0 ? ", " : "", own->request->symbols[i]);
  if (own->request->n_symbols > shown) {
    mesh_text_append(own->title, 120, " and %zu more", own->request->n_symbols - shown);
  }
  for (size_t i = 0; i < own->request->n_timeframes; i++)
    mesh_text_append(own->title, sizeof own->title, "%s%s", i > 0 ? " " : ", ",
                     own->request->timeframes[i]);
}

// The same work is all of the request but how it is started.
static void make_key(many *own) {
  Millrace__V1__LoadManyRequest what = *own->request;
  char digest[MESH_SHA256_HEX];
  what.start = NULL;
  mesh_bytes bytes = mesh_message_pack(&what.base);
  mesh_sha256(mesh_bytes_view(bytes), digest);
  mesh_text_format(own->work_key, sizeof own->work_key, "load-many %s", digest);
  free(bytes.data);
}

mesh_code load_many_prepare(void *data_manager, mesh_view request, mesh_start *start,
                            mesh_work *work, mesh_error *err) {
  many *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->manager = data_manager;
  own->request = data_request_take(&millrace__v1__load_many_request__descriptor,
                                   (mesh_frame){request.data, request.size_bytes, false}, err);
  if (own->request == NULL) {
    free_many(own);
    return GRPC_STATUS_INVALID_ARGUMENT;
  }
  own->count = own->request->n_symbols * own->request->n_timeframes;
  own->parts = calloc(own->count, sizeof *own->parts);
  own->pointers = calloc(own->count, sizeof *own->pointers);
  if (own->parts == NULL || own->pointers == NULL) abort();
  make_title(own);
  make_key(own);
  *start = (mesh_start){.kind = "load-many",
                        .title = own->title,
                        .work_key = own->work_key,
                        .request = request,
                        .request_type = &millrace__v1__load_many_request__descriptor,
                        .options = own->request->start};
  *work = (mesh_work){.run = run, .on_end = free_many, .arg = own};
  return GRPC_STATUS_OK;
}
