#include "mesh/runtime/status.h"

#include <string.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "mesh/rpc/status_details.h"
#include "tests/unit.h"

typedef struct row {
  const char *name;
  void (*run)(void);
} row;

static void a_failure_has_its_code_and_text(void) {
  mesh_error err;
  assert_int_equal(mesh_fail(&err, GRPC_STATUS_NOT_FOUND, "%s %d", "bar", 7),
                   GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "bar 7");
  assert_int_equal(mesh_fail(NULL, GRPC_STATUS_ABORTED, "nobody listens"), GRPC_STATUS_ABORTED);
}

static void an_old_message_may_be_part_of_a_new_one(void) {
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_ABORTED, "inner");
  mesh_fail(&err, GRPC_STATUS_UNAVAILABLE, "outer: %s", err.message);
  assert_string_equal(err.message, "outer: inner");
}

static void a_prefix_keeps_the_rest(void) {
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_NOT_FOUND, "no security definition");
  mesh_error_set_reason(&err, "NO_CONTRACT", "ib-host.millrace");
  assert_int_equal(mesh_error_prefix(&err, "NOPE"), GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "NOPE: no security definition");
  assert_string_equal(err.reason, "NO_CONTRACT");
}

static void long_messages_are_cut(void) {
  char text[2 * MESH_ERROR_MESSAGE_MAX];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_ABORTED, "%s", text);
  assert_int_equal(strlen(err.message), MESH_ERROR_MESSAGE_MAX - 1);
}

static void details_survive_the_wire(void) {
  mesh_error sent, got;
  mesh_fail(&sent, GRPC_STATUS_RESOURCE_EXHAUSTED, "slow down");
  mesh_error_set_reason(&sent, "PACING", "ib-host.millrace");
  mesh_error_set_retry(&sent, 15250);
  mesh_error_encode_details(&sent);
  assert_true(sent.details_size > 0);
  mesh_fail(&got, sent.code, "%s", sent.message);
  mesh_error_decode_details(&got, sent.details, sent.details_size);
  assert_string_equal(got.reason, "PACING");
  assert_string_equal(got.domain, "ib-host.millrace");
  assert_int_equal(got.retry_after_ms, 15250);
  assert_memory_equal(got.details, sent.details, sent.details_size);
}

// A peer's details no longer say all once something was added: they are made anew.
static void what_is_added_makes_new_details(void) {
  mesh_error sent, got;
  mesh_fail(&sent, GRPC_STATUS_UNAVAILABLE, "down");
  mesh_error_set_reason(&sent, "OLD", "a");
  mesh_error_set_retry(&sent, 5);
  mesh_error_encode_details(&sent);
  mesh_error_set_reason(&sent, "NEW", "b");
  assert_int_equal(sent.details_size, 0);
  mesh_error_encode_details(&sent);
  mesh_error_set_retry(&sent, 7);
  assert_int_equal(sent.details_size, 0);
  mesh_error_encode_details(&sent);
  mesh_fail(&got, sent.code, "%s", sent.message);
  mesh_error_decode_details(&got, sent.details, sent.details_size);
  assert_string_equal(got.reason, "NEW");
  assert_int_equal(got.retry_after_ms, 7);
}

// google.rpc.Status with one RetryInfo of so many seconds and nanoseconds.
static size_t pack_retry(int64_t seconds, int32_t nanos, uint8_t out[256]) {
  Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
  Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
  Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, *details[] = {&any};
  Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
  uint8_t packed[64];
  delay.seconds = seconds;
  delay.nanos = nanos;
  info.retry_delay = &delay;
  any.type_url = (char *)"type.googleapis.com/google.rpc.RetryInfo";
  any.value = (ProtobufCBinaryData){google__rpc__retry_info__pack(&info, packed), packed};
  status.n_details = 1;
  status.details = details;
  assert_true(google__rpc__status__get_packed_size(&status) <= 256);
  return google__rpc__status__pack(&status, out);
}

static void only_a_real_delay_is_believed(void) {
  static const struct {
    int64_t seconds;
    int32_t nanos;
    int64_t want_ms;
  } delays[] = {{1, 500000000, 1500}, {0, 999999, 0},    {-1, 0, 0},
                {0, -5000000, 0},     {1, -5000000, 0},  {0, 1000000000, 0},
                {INT64_MAX, 0, 0},    {INT64_MIN, 0, 0}, {315576000000, 0, -1}};
  for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
    uint8_t bytes[256];
    size_t size = pack_retry(delays[i].seconds, delays[i].nanos, bytes);
    mesh_error err;
    mesh_fail(&err, GRPC_STATUS_UNAVAILABLE, "down");
    mesh_error_decode_details(&err, bytes, size);
    if (delays[i].want_ms < 0) {
      assert_true(err.retry_after_ms > 0);  // the longest there is stays long
    } else {
      assert_int_equal(err.retry_after_ms, delays[i].want_ms);
    }
  }
}

// grpc-status says NOT_FOUND, and the details that it went fine.
static void the_status_line_wins(void) {
  uint8_t bytes[256];
  size_t size = pack_retry(2, 0, bytes);  // code 0, no message
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_NOT_FOUND, "no such symbol");
  mesh_error_decode_details(&err, bytes, size);
  assert_int_equal(err.code, GRPC_STATUS_NOT_FOUND);
  assert_int_equal(err.retry_after_ms, 2000);
  Google__Rpc__Status *sent_on = google__rpc__status__unpack(NULL, err.details_size, err.details);
  assert_int_equal(sent_on->code, GRPC_STATUS_NOT_FOUND);
  assert_string_equal(sent_on->message, "no such symbol");
  assert_int_equal(sent_on->n_details, 1);
  google__rpc__status__free_unpacked(sent_on, NULL);
}

static void a_failure_is_never_ok(void) {
  assert_int_equal(mesh_failure_code(GRPC_STATUS_CANCELLED), GRPC_STATUS_CANCELLED);
  assert_int_equal(mesh_failure_code(GRPC_STATUS_UNAUTHENTICATED), GRPC_STATUS_UNAUTHENTICATED);
  static const int64_t others[] = {0, -1, 17, 9999, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_int_equal(mesh_failure_code(others[i]), GRPC_STATUS_UNKNOWN);
}

static void details_that_are_none_are_ignored(void) {
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_ABORTED, "text");
  static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};
  mesh_error_decode_details(&err, garbage, sizeof garbage);
  assert_string_equal(err.reason, "");
  assert_int_equal(err.details_size, sizeof garbage);  // passed on all the same
  static uint8_t large[MESH_ERROR_DETAILS_MAX + 1];
  mesh_fail(&err, GRPC_STATUS_ABORTED, "text");
  mesh_error_decode_details(&err, large, sizeof large);
  assert_int_equal(err.details_size, 0);
}

static void what_may_be_tried_again_says_so(void) {
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_UNAVAILABLE, "down");
  assert_true(mesh_error_is_retryable(&err));
  mesh_fail(&err, GRPC_STATUS_NOT_FOUND, "no");
  assert_false(mesh_error_is_retryable(&err));
  mesh_error_set_retry(&err, 1);
  assert_true(mesh_error_is_retryable(&err));
}

static void codes_have_names(void) {
  assert_string_equal(mesh_code_name(GRPC_STATUS_UNAVAILABLE), "UNAVAILABLE");
  assert_string_equal(mesh_code_name((mesh_code)99), "UNKNOWN");
  assert_string_equal(mesh_code_name((mesh_code)-1), "UNKNOWN");
}

static const row rows[] = {
    {"a failure has its code and text", a_failure_has_its_code_and_text},
    {"an old message may be part of a new one", an_old_message_may_be_part_of_a_new_one},
    {"a prefix keeps the rest", a_prefix_keeps_the_rest},
    {"long messages are cut", long_messages_are_cut},
    {"details survive the wire", details_survive_the_wire},
    {"what is added makes new details", what_is_added_makes_new_details},
    {"only a real delay is believed", only_a_real_delay_is_believed},
    {"the status line wins", the_status_line_wins},
    {"a failure is never OK", a_failure_is_never_ok},
    {"details that are none are ignored", details_that_are_none_are_ignored},
    {"what may be tried again says so", what_may_be_tried_again_says_so},
    {"codes have names", codes_have_names},
};

static void check(void **state) {
  ((const row *)*state)->run();
}

int main(void) {
  RUN_ROWS("status", rows, check);
}
