// HeadTimestamp, ResolveContract, SearchSymbols, AwaitStopped and Status.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/ib/service_internal.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "requests/data.h"

enum { FOUND_MAX = 64, HEAD_KEPT_MS = 600000 };

// ---- HeadTimestamp ----

typedef struct head_query {
  ib_series series;
  int64_t time_s;
} head_query;

static void encode_head(ib_outbox *out, int id, int server_version, const void *what) {
  (void)server_version;
  ib_encode_head(out, id, &((const head_query *)what)->series);
}

static bool on_head(ib_request *request, ib_reply reply, ib_fields *fields) {
  head_query *query = request->arg;
  if (reply != IB_REPLY_HEAD) return false;
  request->code = ib_decode_head(fields, &query->time_s, &request->err);
  return true;
}

static mesh_code ask_head(ib_service *self, mesh_scope *scope, const char *symbol,
                          const ib_series *series, int64_t *time_s, mesh_error *err) {
  head_query query = {.series = *series};
  ib_request request = {.kind = IB_ASK_HEAD, .on_reply = on_head, .arg = &query};
  request.governed.contract = ib_series_hash(series);
  request.governed.request = ib_governed_hash(request.governed.contract, "first bar");
  mesh_code code = ib_request_open(self->session, scope, &request, encode_head, &query, err);
  if (code != GRPC_STATUS_OK) return code;
  code = ib_request_wait(&request, scope, err);
  bool nothing = code == GRPC_STATUS_OK && request.no_data[0] != '\0';
  if (nothing) code = ib_request_believe(&request, err);
  ib_request_close(&request);
  if (nothing && code == GRPC_STATUS_OK) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "%s", request.no_data);
  }
  *time_s = query.time_s;
  return ib_name_symbol(symbol, code, err);
}

static bool is_same(const ib_series *a, const ib_series *b) {
  const ib_contract *one = &a->contract, *other = &b->contract;
  return a->prices == b->prices && a->regular_hours == b->regular_hours &&
         one->con_id == other->con_id && strcmp(one->symbol, other->symbol) == 0 &&
         strcmp(one->sec_type, other->sec_type) == 0 &&
         strcmp(one->exchange, other->exchange) == 0 &&
         strcmp(one->primary_exchange, other->primary_exchange) == 0 &&
         strcmp(one->currency, other->currency) == 0 && strcmp(one->expiry, other->expiry) == 0;
}

static bool knows_head(const ib_service *self, const ib_series *series, int64_t *time_s) {
  for (int i = 0; i < IB_HEADS_MAX; i++) {
    if (self->heads[i].source == NULL || !is_same(&self->heads[i].series, series)) continue;
    if (self->heads[i].source != ib_session_source(self->session)) continue;
    if (self->heads[i].until_ns <= mesh_now_ns()) continue;
    *time_s = self->heads[i].time_s;
    return true;
  }
  return false;
}

static bool is_asked_for(const ib_service *self, const ib_series *series) {
  const ib_head_asker *each = self->askers;
  while (each != NULL && !is_same(each->series, series))
    each = each->next;
  return each != NULL;
}

static void forget_asker(ib_service *self, const ib_head_asker *asker) {
  ib_head_asker **place = &self->askers;
  while (*place != asker)
    place = &(*place)->next;
  *place = asker->next;
  mesh_signal_notify(&self->asked);
}

// From what is known; else from the gateway, which is asked once for all who want the same. Who
// waits for another's answer asks itself where that one got none.
static mesh_code find_head(ib_service *self, mesh_scope *scope, const char *symbol,
                           const ib_series *series, int64_t *time_s, mesh_error *err) {
  while (!knows_head(self, series, time_s) && is_asked_for(self, series)) {
    mesh_code code = mesh_signal_wait(&self->asked, scope, MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (knows_head(self, series, time_s)) return GRPC_STATUS_OK;
  ib_head_asker asker = {series, self->askers};
  self->askers = &asker;
  mesh_code code = ask_head(self, scope, symbol, series, time_s, err);
  if (code == GRPC_STATUS_OK) {
    ib_known_head *known = &self->heads[self->next_head];
    self->next_head = (self->next_head + 1) % IB_HEADS_MAX;
    known->series = *series;
    known->source = ib_session_source(self->session);
    known->time_s = *time_s;
    known->until_ns = mesh_time_after_ms(mesh_now_ns(), HEAD_KEPT_MS);
  }
  forget_asker(self, &asker);
  return code;
}

mesh_code ib_head_timestamp(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  ib_service *self = arg;
  Millrace__V1__HeadTimestampRequest *request =
      data_request_take(&millrace__v1__head_timestamp_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  int64_t time_s = 0;
  ib_series series;
  mesh_code code = ib_series_of(request->symbol, request->con_id, request->prices, request->session,
                                &series, err);
  if (code == GRPC_STATUS_OK) {
    code = find_head(self, mesh_call_scope(call), request->symbol, &series, &time_s, err);
  }
  millrace__v1__head_timestamp_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  Google__Protobuf__Timestamp head = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Millrace__V1__HeadTimestampResponse response = MILLRACE__V1__HEAD_TIMESTAMP_RESPONSE__INIT;
  head.seconds = time_s;
  response.head = &head;
  response.source = (char *)ib_session_source(self->session);
  return mesh_message_send(call, &response.base, err);
}

// ---- contracts ----

typedef struct contract_query {
  ib_contract asked;
  const char *pattern;
  ib_contract *found;  // FOUND_MAX of them
  size_t count;
} contract_query;

static void encode_details(ib_outbox *out, int id, int server_version, const void *what) {
  ib_encode_contract_details(out, id, &((const contract_query *)what)->asked, server_version);
}

static void encode_search(ib_outbox *out, int id, int server_version, const void *what) {
  (void)server_version;
  ib_encode_symbols(out, id, ((const contract_query *)what)->pattern);
}

static bool on_contract(ib_request *request, ib_reply reply, ib_fields *fields) {
  contract_query *query = request->arg;
  if (reply == IB_REPLY_CONTRACT_END) return true;
  bool bond = reply == IB_REPLY_BOND;
  if ((reply != IB_REPLY_CONTRACT && !bond) || query->count == FOUND_MAX) return false;
  ib_contract *found = &query->found[query->count++];
  request->code = bond ? ib_decode_bond(fields, found, &request->err)
                       : ib_decode_contract(fields, found, &request->err);
  return request->code != GRPC_STATUS_OK;
}

static bool on_symbols(ib_request *request, ib_reply reply, ib_fields *fields) {
  contract_query *query = request->arg;
  if (reply != IB_REPLY_SYMBOLS) return false;
  size_t count = 0;
  request->code = ib_decode_symbol_count(fields, &count, &request->err);
  for (size_t i = 0; i < count && i < FOUND_MAX && request->code == GRPC_STATUS_OK; i++) {
    request->code = ib_decode_symbol(fields, &query->found[query->count++], &request->err);
  }
  return true;
}

static mesh_code send_contract(mesh_call *call, const ib_contract *from, mesh_error *err) {
  Millrace__V1__Contract contract = MILLRACE__V1__CONTRACT__INIT;
  contract.con_id = from->con_id;
  contract.symbol = (char *)from->symbol;
  contract.sec_type = (char *)from->sec_type;
  contract.exchange = (char *)from->exchange;
  contract.primary_exchange = (char *)from->primary_exchange;
  contract.currency = (char *)from->currency;
  contract.local_symbol = (char *)from->local_symbol;
  contract.trading_class = (char *)from->trading_class;
  contract.long_name = (char *)from->long_name;
  contract.time_zone = (char *)from->time_zone;
  contract.min_tick = from->min_tick;
  contract.expiry = (char *)from->expiry;
  return mesh_message_send(call, &contract.base, err);
}

// Asks, then sends each contract that was found.
static mesh_code ask_contracts(ib_service *self, mesh_call *call, contract_query *query,
                               ib_request *request, ib_request_encode encode, mesh_error *err) {
  mesh_scope *scope = mesh_call_scope(call);
  query->found = calloc(FOUND_MAX, sizeof *query->found);
  if (query->found == NULL) abort();
  request->arg = query;
  mesh_code code = ib_request_open(self->session, scope, request, encode, query, err);
  if (code == GRPC_STATUS_OK) {
    code = ib_request_wait(request, scope, err);
    ib_request_close(request);
  }
  for (size_t i = 0; i < query->count && code == GRPC_STATUS_OK; i++) {
    code = send_contract(call, &query->found[i], err);
  }
  free(query->found);
  return code;
}

mesh_code ib_resolve_contract(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__ResolveContractRequest *request =
      data_request_take(&millrace__v1__resolve_contract_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  contract_query query = {0};
  ib_request ask = {.kind = IB_ASK_CONTRACT, .on_reply = on_contract};
  mesh_code code = ib_contract_of(request->symbol, &query.asked, err);
  if (code == GRPC_STATUS_OK) {
    code = ask_contracts(self, call, &query, &ask, encode_details, err);
    code = ib_name_symbol(request->symbol, code, err);
  }
  millrace__v1__resolve_contract_request__free_unpacked(request, NULL);
  return code;
}

mesh_code ib_search_symbols(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__SearchSymbolsRequest *request =
      data_request_take(&millrace__v1__search_symbols_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  contract_query query = {.pattern = request->pattern};
  ib_request ask = {.kind = IB_ASK_SYMBOLS, .on_reply = on_symbols};
  mesh_code code = ask_contracts(self, call, &query, &ask, encode_search, err);
  millrace__v1__search_symbols_request__free_unpacked(request, NULL);
  return code;
}

// ---- AwaitStopped ----

static mesh_code send_stops(mesh_call *call, ib_stop *stops, int count, mesh_error *err) {
  Google__Protobuf__Timestamp times[IB_STOPS_MAX];
  Millrace__V1__LayerStop messages[IB_STOPS_MAX], *pointers[IB_STOPS_MAX];
  for (int i = 0; i < count; i++) {
    google__protobuf__timestamp__init(&times[i]);
    millrace__v1__layer_stop__init(&messages[i]);
    times[i].seconds = mesh_time_seconds(stops[i].time_ns);
    times[i].nanos = mesh_time_nanos(stops[i].time_ns);
    messages[i].layer = (char *)stops[i].layer;
    messages[i].time = &times[i];
    messages[i].detail = stops[i].detail;
    pointers[i] = &messages[i];
  }
  Millrace__V1__Stopped stopped = MILLRACE__V1__STOPPED__INIT;
  stopped.n_stops = (size_t)count;
  stopped.stops = pointers;
  return mesh_message_send(call, &stopped.base, err);
}

mesh_code ib_await_stopped(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  ib_service *self = arg;
  Millrace__V1__AwaitStoppedRequest *request =
      data_request_take(&millrace__v1__await_stopped_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  ib_stop stops[IB_STOPS_MAX];
  int count =
      ib_session_await_stopped(self->session, mesh_call_scope(call), request->operation, stops);
  millrace__v1__await_stopped_request__free_unpacked(request, NULL);
  return send_stops(call, stops, count, err);
}

// ---- Status ----

static Millrace__V1__HostStatus__Gateway gateway_state(ib_session_state state) {
  switch (state) {
    case IB_READY:
      return MILLRACE__V1__HOST_STATUS__GATEWAY__READY;
    case IB_STALLED:
      return MILLRACE__V1__HOST_STATUS__GATEWAY__STALLED;
    case IB_BACKOFF:
      return MILLRACE__V1__HOST_STATUS__GATEWAY__BACKOFF;
    default:
      return MILLRACE__V1__HOST_STATUS__GATEWAY__CONNECTING;
  }
}

static mesh_code send_host_status(mesh_call *call, const ib_session_status *now, mesh_error *err) {
  enum { ACCOUNTS_MAX = 16 };
  char accounts[sizeof now->accounts], *names[ACCOUNTS_MAX], *rest = accounts;
  mesh_text_copy(accounts, sizeof accounts, now->accounts);
  Millrace__V1__HostStatus status = MILLRACE__V1__HOST_STATUS__INIT;
  for (char *name; (name = strsep(&rest, ",")) != NULL && status.n_accounts < ACCOUNTS_MAX;) {
    if (name[0] != '\0') names[status.n_accounts++] = name;
  }
  Millrace__V1__Pace pace = MILLRACE__V1__PACE__INIT;
  pace.requests = IB_GOVERNOR_MOST;
  pace.in_s = IB_GOVERNOR_SPAN_S / (now->pacing_speed > 0 ? now->pacing_speed : 1);
  pace.bar_s = IB_GOVERNOR_BAR_S;
  status.pace = &pace;
  status.host = "ib-host";
  status.gateway = gateway_state(now->state);
  status.address = (char *)now->address;
  status.detail = (char *)now->detail;
  status.source = (char *)now->source;
  status.server_version = now->server_version;
  status.client_id = now->client_id;
  status.accounts = names;
  status.open_requests = now->open_requests;
  status.requests_sent = now->requests_sent;
  status.reconnects = now->reconnects;
  status.gateway_round_trip_us = now->round_trip_us;
  return mesh_message_send(call, &status.base, err);
}

mesh_code ib_status(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  ib_service *self = arg;
  Millrace__V1__HostStatusRequest *request =
      data_request_take(&millrace__v1__host_status_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  bool follow = request->follow;
  millrace__v1__host_status_request__free_unpacked(request, NULL);
  for (;;) {
    ib_session_status now;
    ib_session_describe(self->session, &now);
    mesh_code code = send_host_status(call, &now, err);
    if (code != GRPC_STATUS_OK || !follow) return code;
    mesh_scope *scope = mesh_call_drain_scope(call);
    code = mesh_signal_wait(ib_session_changed(self->session), scope, MESH_NEVER, err);
    if (scope->code == GRPC_STATUS_UNAVAILABLE) return mesh_fail_draining(err, "ib-host");
    if (code != GRPC_STATUS_OK) return code;
  }
}
