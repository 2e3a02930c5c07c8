// A long conversation between nghttp2's own client and server, at random, of which a guard must not
// mind a thing; and they must agree on how many calls are open.
#include <nghttp2/nghttp2.h>
#include <string.h>

#include "mesh/rpc/http2_guard.h"
#include "mesh/runtime/time.h"
#include "tests/unit.h"

typedef mesh_http2_verdict (*look)(mesh_http2_guard *guard, mesh_view bytes, int64_t now_ns);

enum { CALLS = 400 };

typedef struct end {
  nghttp2_session *session;
  unsigned *seed;
  int open, begun;  // the client's calls
} end;

static unsigned chance(unsigned *seed, unsigned below) {
  *seed = *seed * 1103515245 + 12345;
  return (*seed >> 16) % below;
}

static ssize_t give_data(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *arg) {
  (void)session, (void)stream, (void)source;
  end *own = arg;
  size_t size = chance(own->seed, 3000);
  if (size > room) size = room;
  memset(to, 'd', size);
  if (chance(own->seed, 3) == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)size;
}

static ssize_t pad(nghttp2_session *session, const nghttp2_frame *sent, size_t most, void *arg) {
  (void)session;
  end *own = arg;
  if (sent->hd.type != NGHTTP2_DATA) return (ssize_t)sent->hd.length;  // gRPC knows no other
  size_t room = most - sent->hd.length,
         more = chance(own->seed, 3) == 0 ? chance(own->seed, 256) : 0;
  return (ssize_t)(sent->hd.length + (more < room ? more : room));
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg) {
  (void)session, (void)stream, (void)code;
  end *own = arg;
  own->open--;
  return 0;
}

static int on_request(nghttp2_session *session, const nghttp2_frame *heard, void *arg) {
  end *own = arg;
  if (heard->hd.type != NGHTTP2_HEADERS || heard->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"200", 7, 3, 0};
  nghttp2_data_provider body = {.read_callback = give_data};
  if (chance(own->seed, 5) == 0) {
    return nghttp2_submit_rst_stream(session, 0, heard->hd.stream_id, NGHTTP2_REFUSED_STREAM);
  }
  return nghttp2_submit_response(session, heard->hd.stream_id, &status, 1, &body);
}

static nghttp2_session *start(end *own, bool client) {
  nghttp2_session_callbacks *callbacks;
  assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
  nghttp2_session_callbacks_set_select_padding_callback(callbacks, pad);
  if (client) {
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    assert_int_equal(nghttp2_session_client_new(&own->session, callbacks, own), 0);
  } else {
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_request);
    assert_int_equal(nghttp2_session_server_new(&own->session, callbacks, own), 0);
  }
  nghttp2_session_callbacks_del(callbacks);
  assert_int_equal(nghttp2_submit_settings(own->session, 0, NULL, 0), 0);
  return own->session;
}

static void ask_at_random(end *own) {
  static char value[900];
  memset(value, 'v', sizeof value);
  nghttp2_nv fields[40] = {{(uint8_t *)":method", (uint8_t *)"POST", 7, 4, 0},
                           {(uint8_t *)":scheme", (uint8_t *)"http", 7, 4, 0},
                           {(uint8_t *)":path", (uint8_t *)"/a.B/C", 5, 6, 0},
                           {(uint8_t *)":authority", (uint8_t *)"x", 10, 1, 0}};
  size_t count = 4 + chance(own->seed, 36);
  for (size_t i = 4; i < count; i++) {
    fields[i] = (nghttp2_nv){(uint8_t *)"x-more", (uint8_t *)value, 6, chance(own->seed, 900), 0};
    if (chance(own->seed, 2) == 0) fields[i].flags = NGHTTP2_NV_FLAG_NO_INDEX;
  }
  nghttp2_data_provider body = {.read_callback = give_data};
  nghttp2_priority_spec priority;
  nghttp2_priority_spec_init(&priority, 0, 7, 0);
  int32_t stream = nghttp2_submit_request(own->session, chance(own->seed, 2) ? &priority : NULL,
                                          fields, count, chance(own->seed, 4) ? &body : NULL, NULL);
  assert_true(stream > 0);
  own->open++;
  own->begun++;
  if (chance(own->seed, 6) == 0) nghttp2_submit_ping(own->session, 0, NULL);
  if (chance(own->seed, 6) == 0) {
    nghttp2_submit_rst_stream(own->session, 0, stream, NGHTTP2_CANCEL);
  }
}

// What one end has to say goes through the guard to the other; true if it was anything.
static bool pump(mesh_http2_guard *guard, end *from, end *to, look look) {
  bool any = false;
  const uint8_t *bytes;
  ssize_t size;
  while ((size = nghttp2_session_mem_send(from->session, &bytes)) > 0) {
    any = true;
    for (ssize_t at = 0, piece; at < size; at += piece) {
      piece = 1 + (ssize_t)chance(from->seed, 700);
      if (piece > size - at) piece = size - at;
      mesh_view view = {bytes + at, (size_t)piece};
      mesh_http2_verdict verdict = look(guard, view, MESH_S_NS);
      if (verdict != MESH_HTTP2_PASS) print_error("%s\n", mesh_http2_guard_why(guard));
      assert_int_equal(verdict, MESH_HTTP2_PASS);
      assert_int_equal(nghttp2_session_mem_recv(to->session, bytes + at, (size_t)piece), piece);
    }
  }
  assert_int_equal(size, 0);
  return any;
}

static void a_long_conversation_passes(void **state) {
  (void)state;
  mesh_http2_limits wide = {64 << 10, 1000, 1000, 1000};
  mesh_http2_account account = {0};
  unsigned seed = 4711;
  end client = {.seed = &seed}, server = {.seed = &seed};
  mesh_http2_guard *guard = mesh_http2_guard_create(&wide, &account);
  start(&client, true);
  start(&server, false);
  while (client.begun < CALLS) {
    for (unsigned i = chance(&seed, 8); i > 0; i--)
      ask_at_random(&client);
    bool any = true;
    while (any) {
      any = pump(guard, &client, &server, mesh_http2_guard_from_peer);
      any |= pump(guard, &server, &client, mesh_http2_guard_from_grpc);
    }
    assert_int_equal(account.streams, client.open);
  }
  nghttp2_session_del(client.session);
  nghttp2_session_del(server.session);
  mesh_http2_guard_close(guard);
  mesh_http2_guard_destroy(guard);
  assert_int_equal(account.streams, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_long_conversation_passes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
