// What a peer hears of a guard, read by nghttp2's client.
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "mesh/rpc/http2_guard.h"
#include "tests/unit.h"

static const mesh_http2_limits limits = {1000, 10, 20, 5};
static const uint8_t no_settings[9] = {0, 0, 0, NGHTTP2_SETTINGS};

static int hear(nghttp2_session *session, const nghttp2_frame *heard, void *arg) {
  (void)session;
  char *text = arg;
  if (heard->hd.type != NGHTTP2_GOAWAY) return 0;
  assert_int_equal(heard->goaway.error_code, NGHTTP2_ENHANCE_YOUR_CALM);
  snprintf(text, 100, "%.*s", (int)heard->goaway.opaque_data_len,
           (const char *)heard->goaway.opaque_data);
  return 0;
}

// `bytes` come first, as of a server that has not sent its SETTINGS, or behind those.
static void hears(const uint8_t *bytes, size_t size, const char *words) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_session *session;
  char text[100] = "";
  assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, hear);
  assert_int_equal(nghttp2_session_client_new(&session, callbacks, text), 0);
  if (bytes[3] != NGHTTP2_SETTINGS) {  // nghttp2 insists on them
    assert_int_equal(nghttp2_session_mem_recv(session, no_settings, sizeof no_settings),
                     (ssize_t)sizeof no_settings);
  }
  assert_int_equal(nghttp2_session_mem_recv(session, bytes, size), (ssize_t)size);
  assert_string_equal(text, words);
  nghttp2_session_del(session);
  nghttp2_session_callbacks_del(callbacks);
}

static void who_is_turned_away_hears_why(void **state) {
  (void)state;
  uint8_t bytes[MESH_HTTP2_GOODBYE_MAX];
  hears(bytes, mesh_http2_turn_away("too many connections", bytes), "too many connections");
}

typedef struct say_case {
  const char *name;
  mesh_view before;  // what gRPC has sent
  bool can;          // it may be said behind that
} say_case;

static const say_case cases[] = {
    {"gRPC has not sent its SETTINGS", {NULL, 0}, true},
    {"behind a whole frame", {no_settings, sizeof no_settings}, true},
    {"behind half a head", {no_settings, 5}, false},
    {"behind half a frame", {(const uint8_t *)"\0\0\6\4\0\0\0\0\0\0\0\0", 12}, false},
};

static void a_goodbye_is_heard(void **state) {
  const say_case *c = *state;
  uint8_t bytes[sizeof no_settings + MESH_HTTP2_GOODBYE_MAX];
  mesh_http2_account account = {0};
  mesh_http2_guard *guard = mesh_http2_guard_create(&limits, &account);
  assert_int_equal(mesh_http2_guard_from_grpc(guard, c->before, 0), MESH_HTTP2_PASS);
  assert_int_equal(mesh_http2_guard_dismiss(guard, "for the others"), MESH_HTTP2_END);
  assert_string_equal(mesh_http2_guard_why(guard), "for the others");
  if (c->before.size_bytes > 0) memcpy(bytes, c->before.data, c->before.size_bytes);
  size_t size = mesh_http2_guard_say_goodbye(guard, bytes + c->before.size_bytes);
  assert_int_equal(size > 0, c->can);
  if (c->can) hears(bytes, c->before.size_bytes + size, "for the others");
  mesh_http2_guard_close(guard);
  mesh_http2_guard_destroy(guard);
}

static int check_rows(void) {
  RUN_ROWS("what is said behind what gRPC has sent", cases, a_goodbye_is_heard);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_turned_away_hears_why)};
  return check_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
