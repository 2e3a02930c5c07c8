#include "backend/data/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/timeframe.h"
#include "mesh/operation/event.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/ib_host.pb-c.h"

enum { SAID_MAX = 64, SPARE_BARS = 10000 };

// ---- requests ----

static void set_seconds(Google__Protobuf__Timestamp *out, int64_t seconds) {
  google__protobuf__timestamp__init(out);
  out->seconds = seconds;
}

static mesh_code open_fetch(mesh_scope *scope, mesh_link *adapter, const fetch_request *request,
                            mesh_call **call, mesh_error *err) {
  Google__Protobuf__Timestamp from, to;
  set_seconds(&from, request->from_s);
  set_seconds(&to, request->to_s);
  Millrace__V1__FetchBarsRequest message = MILLRACE__V1__FETCH_BARS_REQUEST__INIT;
  message.operation = (char *)request->operation;
  message.symbol = (char *)request->series.symbol;
  message.con_id = request->series.con_id;
  message.prices = (char *)request->series.prices;
  message.session = (char *)request->series.session;
  message.timeframe = (char *)request->timeframe;
  message.from = &from;
  message.to = &to;
  mesh_call_options options = {.accept_batch = true};
  return mesh_message_open(scope, adapter, "/millrace.v1.DataAdapter/FetchBars", &message.base,
                           &options, call, err);
}

// A name that a host says. One that is no name says nothing.
static void take_source(char out[SERIES_SOURCE_MAX], const char *said) {
  bool is_name = mesh_text_name_fault(said, SERIES_SOURCE_MAX - 2) == NULL && said[0] != '~';
  mesh_text_copy(out, SERIES_SOURCE_MAX, is_name ? said : SERIES_SOURCE_UNKNOWN);
}

// ---- the event stream of one attempt ----

typedef struct attempt {
  const fetch_request *request;
  fetch_result *result;
  bool ended;        // an outcome came
  int64_t told;      // bars, by the outcome
  size_t bars_most;  // more cannot be what was asked for
} attempt;

static mesh_code take_result(attempt *own, const Millrace__V1__Succeeded *succeeded,
                             mesh_error *err) {
  if (succeeded->result_case != MILLRACE__V1__SUCCEEDED__RESULT_FETCH) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "the host's FetchBars ended with a result that is no FetchResult");
  }
  own->told = succeeded->fetch->bars;
  const Google__Protobuf__Timestamp *clock = succeeded->fetch->source_time;
  if (clock != NULL && !mesh_is_timestamp(clock->seconds, clock->nanos)) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the host's clock says %lld s since 1970",
                     (long long)clock->seconds);
  }
  take_source(own->result->source, succeeded->fetch->source);
  own->result->clock_s = clock != NULL ? clock->seconds : 0;
  mesh_text_copy(own->result->empty_reason, sizeof own->result->empty_reason,
                 succeeded->fetch->empty_reason);
  return GRPC_STATUS_OK;
}

static mesh_code take_outcome(attempt *own, mesh_view body, mesh_error *err) {
  Millrace__V1__Outcome *outcome =
      mesh_message_unpack(&millrace__v1__outcome__descriptor, body.data, body.size_bytes);
  if (outcome == NULL) return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed Outcome");
  mesh_code code = GRPC_STATUS_OK;
  own->ended = true;
  if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_FAILED) {
    code = mesh_fail(err, mesh_failure_code(outcome->failed->code), "%s", outcome->failed->message);
  } else if (outcome->outcome_case != MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED) {
    code = mesh_fail(err, GRPC_STATUS_ABORTED, "the fetch was cancelled below");
  } else {
    code = take_result(own, outcome->succeeded, err);
  }
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  return code;
}

static void take_note(const attempt *own, mesh_view body) {
  if (own->request->on_note == NULL) return;
  Millrace__V1__Progress *progress =
      mesh_message_unpack(&millrace__v1__progress__descriptor, body.data, body.size_bytes);
  if (progress == NULL) return;
  if (progress->note[0] != '\0') own->request->on_note(own->request->note_arg, progress->note);
  millrace__v1__progress__free_unpacked(progress, NULL);
}

static mesh_code take_bars(attempt *own, mesh_view body, mesh_error *err) {
  mesh_code code = bar_columns_decode(&own->result->bars, body, NULL, err);
  if (code != GRPC_STATUS_OK || own->result->bars.count <= own->bars_most) return code;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                   "the host sends bars without end: %zu have come, and %zu were the most that "
                   "the window could have",
                   own->result->bars.count, own->bars_most);
}

// What is said of another operation says nothing of this one.
static mesh_code check_operation(const attempt *own, mesh_view said, mesh_error *err) {
  const char *asked = own->request->operation;
  bool same = said.size_bytes == strlen(asked) && memcmp(said.data, asked, said.size_bytes) == 0;
  if (same) return GRPC_STATUS_OK;
  char shown[SAID_MAX];
  mesh_text_escape(shown, sizeof shown, (const char *)said.data, said.size_bytes);
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the host was asked for %s, and answers for '%s'",
                   asked, shown);
}

static mesh_code take_event(attempt *own, mesh_view bytes, mesh_error *err) {
  mesh_event event;
  mesh_code code = mesh_event_decode(bytes, &event, err);
  if (code == GRPC_STATUS_OK) code = check_operation(own, event.operation, err);
  if (code != GRPC_STATUS_OK) return code;
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_BARS) {
    return take_bars(own, event.body, err);
  }
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME) {
    return take_outcome(own, event.body, err);
  }
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS) take_note(own, event.body);
  return GRPC_STATUS_OK;  // counts and logs of one segment are not the load's
}

static mesh_code take_frame(attempt *own, mesh_frame frame, mesh_error *err) {
  mesh_view one, all = {frame.data, frame.size_bytes};
  size_t offset = 0;
  bool bad = false;
  while (mesh_event_next(all, &offset, &one, &bad)) {
    mesh_code code = take_event(own, one, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return bad ? mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed batch of events") : GRPC_STATUS_OK;
}

// A stream that ends without an outcome is not finished, and one that lost bars on its way, or
// counts some that the host never had, says nothing of what the source has.
static mesh_code check_end(const attempt *own, mesh_error *err) {
  if (!own->ended) {
    mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the fetch ended without an outcome");
    mesh_error_set_reason(err, "NO_OUTCOME", "data-manager.millrace");
    return err->code;
  }
  size_t came = own->result->bars.count;
  if (own->told >= 0 && (uint64_t)own->told == came) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the host says that it sent %lld bars: %zu came",
                   (long long)own->told, came);
}

// A source may say more than it was asked for, the bars around it, and each twice.
static size_t count_most(const fetch_request *request) {
  int64_t bars = (request->to_s - request->from_s) / timeframe_named(request->timeframe)->seconds;
  return 2 * (size_t)bars + SPARE_BARS;
}

static mesh_code fetch_once(mesh_scope *scope, mesh_link *adapter, const fetch_request *request,
                            fetch_result *result, mesh_error *err) {
  mesh_call *call;
  mesh_code code = open_fetch(scope, adapter, request, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  attempt own = {.request = request, .result = result, .bars_most = count_most(request)};
  mesh_frame frame;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    code = take_frame(&own, frame, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  return code == GRPC_STATUS_OK ? check_end(&own, err) : code;
}

mesh_code fetch_bars(mesh_scope *scope, mesh_link *adapter, const fetch_request *request,
                     fetch_again again, void *arg, fetch_result *result, mesh_error *err) {
  *result = (fetch_result){0};
  for (;;) {
    result->attempts++;
    mesh_code code = fetch_once(scope, adapter, request, result, err);
    if (code == GRPC_STATUS_OK) return code;
    bar_columns_clear(&result->bars);
    code = again(arg, scope, request->operation, result->attempts, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

// ---- questions of one answer ----

// Asks, and takes the first message of the answer; NULL where there is none, with OK.
static mesh_code ask(mesh_scope *scope, mesh_link *adapter, const char *method,
                     const ProtobufCMessage *request, const ProtobufCMessageDescriptor *type,
                     void **answer, mesh_error *err) {
  mesh_frame frame;
  mesh_call *call;
  *answer = NULL;
  mesh_code code = mesh_message_open(scope, adapter, method, request, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  code = mesh_call_receive(call, &frame, err);
  if (code == GRPC_STATUS_OK && !frame.end) {
    *answer = mesh_message_unpack(type, frame.data, frame.size_bytes);
  }
  mesh_call_close(call);
  return code;
}

static mesh_code head_once(mesh_scope *scope, mesh_link *adapter, const fetch_series *series,
                           fetch_first *out, mesh_error *err) {
  Millrace__V1__HeadTimestampRequest message = MILLRACE__V1__HEAD_TIMESTAMP_REQUEST__INIT;
  const char *symbol = series->symbol;
  message.symbol = (char *)symbol;
  message.con_id = series->con_id;
  message.prices = (char *)series->prices;
  message.session = (char *)series->session;
  void *answer;
  mesh_code code = ask(scope, adapter, "/millrace.v1.DataAdapter/HeadTimestamp", &message.base,
                       &millrace__v1__head_timestamp_response__descriptor, &answer, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__HeadTimestampResponse *head = answer;
  if (head == NULL || head->head == NULL) {
    code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "no head timestamp of %s came", symbol);
    mesh_error_set_reason(err, "NO_OUTCOME", "data-manager.millrace");
  } else if (!mesh_is_timestamp(head->head->seconds, head->head->nanos)) {
    code = mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "the host's head timestamp of %s is %lld s since 1970: no such time", symbol,
                     (long long)head->head->seconds);
  } else {
    out->head_s = head->head->seconds;
    take_source(out->source, head->source);
  }
  if (head != NULL) millrace__v1__head_timestamp_response__free_unpacked(head, NULL);
  return code;
}

mesh_code fetch_head(mesh_scope *scope, mesh_link *adapter, const fetch_series *series,
                     fetch_again again, void *arg, fetch_first *out, mesh_error *err) {
  for (int attempt = 1;; attempt++) {
    mesh_code code = head_once(scope, adapter, series, out, err);
    if (code == GRPC_STATUS_OK) return code;
    code = again(arg, scope, "head timestamp", attempt, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

// ---- contracts ----

// The texts of a host are cut to what an instrument has room for; what is no name then is refused
// when it is to become one.
static void take_contract(fetch_contracts *out, const Millrace__V1__Contract *from) {
  for (int i = 0; i < out->count; i++) {
    if (out->items[i].what.con_id == from->con_id) return;  // on another exchange
  }
  if (out->count == FETCH_CONTRACTS_MAX) {
    out->others++;
    return;
  }
  fetch_contract *one = &out->items[out->count++];
  *one = (fetch_contract){.what.con_id = from->con_id > 0 ? from->con_id : 0};
  instrument *what = &one->what;
  mesh_text_copy(what->symbol, sizeof what->symbol, from->symbol);
  mesh_text_copy(what->kind, sizeof what->kind, from->sec_type);
  mesh_text_copy(what->exchange, sizeof what->exchange, from->exchange);
  mesh_text_copy(what->primary_exchange, sizeof what->primary_exchange, from->primary_exchange);
  mesh_text_copy(what->currency, sizeof what->currency, from->currency);
  mesh_text_copy(what->expiry, sizeof what->expiry, from->expiry);
  mesh_text_copy(one->long_name, sizeof one->long_name, from->long_name);
}

static mesh_code contracts_once(mesh_scope *scope, mesh_link *adapter, const char *symbol,
                                fetch_contracts *out, mesh_error *err) {
  Millrace__V1__ResolveContractRequest message = MILLRACE__V1__RESOLVE_CONTRACT_REQUEST__INIT;
  message.symbol = (char *)symbol;
  mesh_frame frame;
  mesh_call *call;
  *out = (fetch_contracts){.told = true};
  mesh_code code = mesh_message_open(scope, adapter, "/millrace.v1.DataAdapter/ResolveContract",
                                     &message.base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    Millrace__V1__Contract *one =
        mesh_message_unpack(&millrace__v1__contract__descriptor, frame.data, frame.size_bytes);
    if (one == NULL) {
      code = mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed Contract");
      break;
    }
    take_contract(out, one);
    millrace__v1__contract__free_unpacked(one, NULL);
  }
  mesh_call_close(call);
  return code;
}

mesh_code fetch_contracts_of(mesh_scope *scope, mesh_link *adapter, const char *symbol,
                             fetch_again again, void *arg, fetch_contracts *out, mesh_error *err) {
  for (int attempt = 1;; attempt++) {
    mesh_code code = contracts_once(scope, adapter, symbol, out, err);
    if (code == GRPC_STATUS_OK) return code;
    out->told = false;
    if (code == GRPC_STATUS_UNIMPLEMENTED) return GRPC_STATUS_OK;
    code = again(arg, scope, "contract", attempt, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

mesh_code fetch_source(mesh_scope *scope, mesh_link *adapter, char out[SERIES_SOURCE_MAX],
                       mesh_error *err) {
  enum { RETRY_MS = 300 };
  Millrace__V1__HostStatusRequest message = MILLRACE__V1__HOST_STATUS_REQUEST__INIT;
  void *answer;
  take_source(out, "");
  mesh_code code = ask(scope, adapter, "/millrace.v1.DataAdapter/Status", &message.base,
                       &millrace__v1__host_status__descriptor, &answer, err);
  if (code == GRPC_STATUS_UNIMPLEMENTED || (code == GRPC_STATUS_OK && answer == NULL)) {
    return GRPC_STATUS_OK;  // a host that does not say
  }
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__HostStatus *status = answer;
  take_source(out, status->source);
  bool ready = status->gateway == MILLRACE__V1__HOST_STATUS__GATEWAY__READY ||
               status->gateway == MILLRACE__V1__HOST_STATUS__GATEWAY__GATEWAY_UNSPECIFIED;
  if (status->source[0] == '\0' && !ready) {
    code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "gateway %.*s: %.*s",
                     MESH_TEXT_SHOWN(status->address, 100), MESH_TEXT_SHOWN(status->detail, 300));
    mesh_error_set_reason(err, "GATEWAY_DOWN", "data-manager.millrace");
    mesh_error_set_retry(err, RETRY_MS);
  }
  millrace__v1__host_status__free_unpacked(status, NULL);
  return code;
}

static int positive(int32_t number) {
  return number > 0 ? number : 0;
}

mesh_code fetch_pace_of(mesh_scope *scope, mesh_link *adapter, fetch_pace *out, mesh_error *err) {
  Millrace__V1__HostStatusRequest message = MILLRACE__V1__HOST_STATUS_REQUEST__INIT;
  void *answer;
  *out = (fetch_pace){0};
  mesh_code code = ask(scope, adapter, "/millrace.v1.DataAdapter/Status", &message.base,
                       &millrace__v1__host_status__descriptor, &answer, err);
  if (code != GRPC_STATUS_OK) return mesh_scope_check(scope, err);
  Millrace__V1__HostStatus *status = answer;
  if (status != NULL && status->pace != NULL) {
    *out = (fetch_pace){positive(status->pace->requests), positive(status->pace->in_s),
                        positive(status->pace->bar_s)};
  }
  if (status != NULL) millrace__v1__host_status__free_unpacked(status, NULL);
  return GRPC_STATUS_OK;
}
