// What a host says of a fetch, and what is believed of it.
#include "backend/data/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/operation/event_stream.h"
#include "mesh/rpc/message.h"
#include "mesh/rpc/server.h"
#include "millrace/v1/operation.pb-c.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

enum { DAY = 86400 };

#define OPERATION "load-1/1"

// ---- a host that says what it is told to say ----

typedef enum result_kind { NO_RESULT, FETCH, TRAIN, FAILED } result_kind;

typedef struct fetch_case {
  const char *name;
  int before, after;  // bars that come before the outcome, and after it
  result_kind kind;
  int64_t number;  // of bars by the result, or the failure's code
  bool fails;      // NOT_FOUND in the call's status, and details of code 0
  const char *of;  // the operation that its events name; NULL: the right one
  bool endless;    // the bars that come before the outcome come again and again
  mesh_code want;
  const char *says;  // a part of the error's message
} fetch_case;

static mesh_code put(mesh_event_stream *to, const fetch_case *c, uint32_t payload, mesh_view body,
                     mesh_error *err) {
  const char *of = c->of != NULL ? c->of : OPERATION;
  mesh_event event = {.operation = {(const uint8_t *)of, strlen(of)},
                      .event_class = MESH_DURABLE,
                      .payload = payload,
                      .body = body};
  return mesh_event_stream_put(to, &event, err);
}

static mesh_code put_bars(mesh_event_stream *to, const fetch_case *c, int first, int count,
                          mesh_error *err) {
  bar_columns bars = {0};
  uint8_t bytes[512];
  bar_columns_reserve(&bars, (size_t)count);
  for (int i = 0; i < count; i++) {
    bars.times[i] = (first + i) * (int64_t)DAY;
    bars.open[i] = bars.high[i] = bars.low[i] = bars.close[i] = bars.volume[i] = 1;
  }
  bars.count = (size_t)count;
  assert_true(bar_columns_bound(bars.count) <= sizeof bytes);
  mesh_view body = {bytes, bar_columns_encode(&bars, 0, bars.count, false, bytes)};
  mesh_code code = count > 0 ? put(to, c, PAYLOAD(BARS), body, err) : GRPC_STATUS_OK;
  bar_columns_clear(&bars);
  return code;
}

static mesh_code put_outcome(mesh_event_stream *to, const fetch_case *c, mesh_error *err) {
  Google__Rpc__Status failed = GOOGLE__RPC__STATUS__INIT;
  Millrace__V1__FetchResult fetch = MILLRACE__V1__FETCH_RESULT__INIT;
  Millrace__V1__TrainResult train = MILLRACE__V1__TRAIN_RESULT__INIT;
  Millrace__V1__Succeeded succeeded = MILLRACE__V1__SUCCEEDED__INIT;
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  outcome.outcome_case = c->kind == FAILED ? MILLRACE__V1__OUTCOME__OUTCOME_FAILED
                                           : MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED;
  if (c->kind == FAILED) {
    failed.code = (int32_t)c->number;
    failed.message = "all is fine";
    outcome.failed = &failed;
  } else {
    outcome.succeeded = &succeeded;
  }
  if (c->kind == FETCH) {
    fetch.bars = c->number;
    succeeded.result_case = MILLRACE__V1__SUCCEEDED__RESULT_FETCH;
    succeeded.fetch = &fetch;
  } else if (c->kind == TRAIN) {
    succeeded.result_case = MILLRACE__V1__SUCCEEDED__RESULT_TRAIN;
    succeeded.train = &train;
  }
  mesh_bytes bytes = mesh_message_pack(&outcome.base);
  mesh_code code = put(to, c, PAYLOAD(OUTCOME), mesh_bytes_view(bytes), err);
  free(bytes.data);
  return code;
}

static mesh_code fail_with_details_of_success(mesh_error *err) {
  Google__Rpc__Status fine = GOOGLE__RPC__STATUS__INIT;
  fine.message = "all is fine";
  mesh_code code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no such symbol");
  assert_true(
      mesh_message_pack_into(&fine.base, err->details, sizeof err->details, &err->details_size));
  return code;
}

static mesh_code answer(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  const fetch_case *c = self;
  if (c->fails) return fail_with_details_of_success(err);
  mesh_event_stream *to = mesh_event_stream_create(call);
  mesh_code code = put_bars(to, c, 0, c->before, err);
  while (code == GRPC_STATUS_OK && c->endless)  // until nobody listens
    code = put_bars(to, c, 0, c->before, err);
  if (code == GRPC_STATUS_OK) code = put_outcome(to, c, err);
  if (code == GRPC_STATUS_OK) code = put_bars(to, c, c->before, c->after, err);
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(to, err);
  mesh_event_stream_destroy(to);
  return code;
}

// ---- the fetch ----

static mesh_code never_again(void *arg, mesh_scope *scope, const char *piece, int attempt,
                             mesh_error *err) {
  (void)arg, (void)scope, (void)piece, (void)attempt;
  return err->code;
}

static void check_fetched(const fetch_case *c, mesh_code code, const fetch_result *got,
                          const mesh_error *err) {
  assert_int_equal(code, c->want);
  if (c->want == GRPC_STATUS_OK) {
    assert_int_equal(got->bars.count, c->before + c->after);
    return;
  }
  assert_int_equal(err->code, c->want);
  assert_non_null(strstr(err->message, c->says));
  assert_int_equal(got->bars.count, 0);
  if (err->details_size == 0) return;
  Google__Rpc__Status *details =
      mesh_message_unpack(&google__rpc__status__descriptor, err->details, err->details_size);
  assert_int_equal(details->code, c->want);
  google__rpc__status__free_unpacked(details, NULL);
}

static void fetch_it(harness *own, void *arg) {
  const fetch_case *c = arg;
  const mesh_method method = {.name = "FetchBars", .run = answer};
  mesh_service service = {"millrace.v1.DataAdapter", &method, 1, arg};
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  mesh_schema *schema;
  mesh_link *link;
  mesh_error err = {0};
  assert_int_equal(mesh_schema_create(set, &schema, &err), GRPC_STATUS_OK);
  mesh_server *server = mesh_server_create(own->loop, schema);
  mesh_server_add(server, &service);
  mesh_server_start(server);
  assert_int_equal(mesh_link_open_local(own->loop, "adapter", server, &link, &err), GRPC_STATUS_OK);
  fetch_request request = {.operation = OPERATION,
                           .series = {"SYNA", 0, "", ""},
                           .timeframe = "1d",
                           .from_s = 0,
                           .to_s = 10 * DAY};
  fetch_result got;
  mesh_code code = fetch_bars(&own->scope, link, &request, never_again, NULL, &got, &err);
  check_fetched(c, code, &got, &err);
  bar_columns_clear(&got.bars);
  mesh_link_close(link);
  mesh_server_stop(server, mesh_now_ns());
  mesh_server_destroy(server);
  mesh_schema_destroy(schema);
}

static fetch_case cases[] = {
    {"what was sent came", 3, 0, FETCH, 3, .want = GRPC_STATUS_OK},
    {"nothing was sent", 0, 0, FETCH, 0, .want = GRPC_STATUS_OK},
    {"a failure of code 0 is none of success", 0, 0, FAILED, 0, .want = GRPC_STATUS_UNKNOWN,
     .says = "all is fine"},
    {"a failure of no code of gRPC's", 0, 0, FAILED, 9999, .want = GRPC_STATUS_UNKNOWN,
     .says = "all is fine"},
    {"a failure keeps its code", 0, 0, FAILED, GRPC_STATUS_ABORTED, .want = GRPC_STATUS_ABORTED,
     .says = "all is fine"},
    {"another method's result is no fetch's", 0, 0, TRAIN, 0, .want = GRPC_STATUS_DATA_LOSS,
     .says = "no FetchResult"},
    {"no result at all", 0, 0, NO_RESULT, 0, .want = GRPC_STATUS_DATA_LOSS,
     .says = "no FetchResult"},
    {"more bars than came", 3, 0, FETCH, 7, .want = GRPC_STATUS_DATA_LOSS,
     .says = "it sent 7 bars: 3 came"},
    {"bars that did not come", 0, 0, FETCH, 5, .want = GRPC_STATUS_DATA_LOSS,
     .says = "it sent 5 bars: 0 came"},
    {"fewer bars than none", 3, 0, FETCH, -3, .want = GRPC_STATUS_DATA_LOSS,
     .says = "it sent -3 bars: 3 came"},
    {"bars behind the outcome", 2, 2, FETCH, 2, .want = GRPC_STATUS_DATA_LOSS,
     .says = "it sent 2 bars: 4 came"},
    {"bars without end", .before = 9, .endless = true, .want = GRPC_STATUS_DATA_LOSS,
     .says = "and 10020 were the most"},
    {"another operation's bars", 3, 0, FETCH, 3, .of = "load-2/1", .want = GRPC_STATUS_DATA_LOSS,
     .says = "was asked for load-1/1, and answers for 'load-2/1'"},
    {"nobody's bars", 3, 0, FETCH, 3, .of = "", .want = GRPC_STATUS_DATA_LOSS,
     .says = "answers for ''"},
    {"a name that goes on", 3, 0, FETCH, 3, .of = "load-1/10", .want = GRPC_STATUS_DATA_LOSS,
     .says = "answers for 'load-1/10'"},
    {"the status line wins over its details", .fails = true, .want = GRPC_STATUS_NOT_FOUND,
     .says = "no such symbol"},
};

static void check(void **state) {
  run_in_fiber(fetch_it, *state);
}

int main(void) {
  RUN_ROWS("fetch", cases, check);
}
