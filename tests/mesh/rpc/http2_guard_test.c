// What a guard lets pass, frame by frame.
#include "mesh/rpc/http2_guard.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/runtime/time.h"
#include "tests/unit.h"

enum { STREAMS = 4, PEER_STREAMS = 6, RESETS = 3, HEADER_BYTES = 32 << 10, FRAME_MAX = 16384 };

static const mesh_http2_limits limits = {HEADER_BYTES, STREAMS, PEER_STREAMS, RESETS};
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// ":method: POST", ":scheme: http", ":path: /" from the static table.
static const uint8_t request[] = {0x83, 0x86, 0x84};
static const uint8_t four[4] = {0};

typedef struct scene {
  mesh_http2_guard *guard;
  mesh_http2_account *account;
  size_t cut;  // bytes looked at in one piece
  int64_t now_ns;
  mesh_http2_verdict verdict;
} scene;

typedef mesh_http2_verdict (*look)(mesh_http2_guard *guard, mesh_view bytes, int64_t now_ns);

static void pass(scene *own, look look, const uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size && own->verdict == MESH_HTTP2_PASS; at += own->cut) {
    size_t piece = size - at < own->cut ? size - at : own->cut;
    own->verdict = look(own->guard, (mesh_view){bytes + at, piece}, own->now_ns);
  }
}

static void put_head(uint8_t head[9], size_t size, uint8_t type, uint8_t flags, uint32_t stream) {
  memcpy(head,
         (uint8_t[]){(uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type, flags,
                     (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8),
                     (uint8_t)stream},
         9);
}

static void frame(scene *own, look look, uint8_t type, uint8_t flags, uint32_t stream,
                  const void *payload, size_t size) {
  uint8_t bytes[9 + FRAME_MAX];
  put_head(bytes, size, type, flags, stream);
  if (size > 0) memcpy(bytes + 9, payload, size);
  pass(own, look, bytes, 9 + size);
}

static void peer(scene *own, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                 size_t size) {
  frame(own, mesh_http2_guard_from_peer, type, flags, stream, payload, size);
}

static void grpc(scene *own, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                 size_t size) {
  frame(own, mesh_http2_guard_from_grpc, type, flags, stream, payload, size);
}

static void begin_call(scene *own, uint32_t stream) {
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, request, sizeof request);
}

static void end_call(scene *own, uint32_t stream) {
  peer(own, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, "hello", 5);
  grpc(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, stream, "\x88", 1);
}

static void reset(scene *own, bool by_peer, uint32_t stream, uint8_t code) {
  uint8_t bytes[4] = {0, 0, 0, code};
  frame(own, by_peer ? mesh_http2_guard_from_peer : mesh_http2_guard_from_grpc, NGHTTP2_RST_STREAM,
        0, stream, bytes, sizeof bytes);
}

// ---- rows ----

static void calls_one_after_the_other(scene *own) {
  for (uint32_t stream = 1; stream < 200; stream += 2) {
    begin_call(own, stream);
    end_call(own, stream);
  }
  assert_int_equal(own->account->streams, 0);
}

static void a_block_without_end(scene *own) {
  uint8_t field[2 + 1 + 3 + 500] = {0, 1, 'x', 0x7f, 0xf5, 0x02};  // 500 bytes, after 127
  memset(field + 6, 'y', 500);
  peer(own, NGHTTP2_HEADERS, 0, 1, request, sizeof request);
  for (int i = 0; i < 15 && own->verdict == MESH_HTTP2_PASS; i++) {
    uint8_t many[6 * sizeof field];
    for (int j = 0; j < 6; j++)
      memcpy(many + j * sizeof field, field, sizeof field);
    peer(own, NGHTTP2_CONTINUATION, 0, 1, many, sizeof many);
  }
}

static void a_block_of_many_frames(scene *own) {
  peer(own, NGHTTP2_HEADERS, 0, 1, request, sizeof request);
  for (int i = 0; i < 16; i++)
    peer(own, NGHTTP2_CONTINUATION, 0, 1, request, 0);
}

static void a_frame_that_says_how_long_it_will_be(scene *own) {
  uint8_t head[9];
  put_head(head, 0xffffff, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1);
  pass(own, mesh_http2_guard_from_peer, head, sizeof head);
}

// One field of 3,900 bytes goes into the table, and is named again and again by one byte.
static void a_field_that_is_named_very_often(scene *own) {
  uint8_t block[6 + 3900 + 9];
  memcpy(block, (uint8_t[]){0x40, 1, 'x', 0x7f, 0xbd, 0x1d}, 6);
  memset(block + 6, 'y', 3900);
  memset(block + 6 + 3900, 0x80 | 62, 9);
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block, sizeof block);
}

static void a_field_that_is_named_eight_times(scene *own) {
  uint8_t block[6 + 3900 + 7];
  memcpy(block, (uint8_t[]){0x40, 1, 'x', 0x7f, 0xbd, 0x1d}, 6);
  memset(block + 6, 'y', 3900);
  memset(block + 6 + 3900, 0x80 | 62, 7);
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block, sizeof block);
}

static void very_many_short_fields(scene *own) {
  uint8_t block[257];
  memset(block, 0x83, sizeof block);
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block, sizeof block);
}

static void an_index_without_an_entry(scene *own) {
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff\x7f", 4);
}

static void a_block_that_ends_in_the_middle_of_a_field(scene *own) {
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\0\x7f", 2);
}

static void headers_with_a_priority(scene *own) {
  uint8_t payload[5 + sizeof request] = {0, 0, 0, 3, 16};
  memcpy(payload + 5, request, sizeof request);
  peer(own, NGHTTP2_HEADERS,
       NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PRIORITY | NGHTTP2_FLAG_END_STREAM, 1, payload,
       sizeof payload);
}

// gRPC takes the padding for headers: whatever hides there would be unread here.
static void headers_with_padding(scene *own) {
  uint8_t payload[1 + sizeof request + 7] = {7};
  memcpy(payload + 1, request, sizeof request);
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PADDED, 1, payload,
       sizeof payload);
}

// To gRPC the flags say nothing on CONTINUATION.
static void a_continuation_with_the_flags_of_headers(scene *own) {
  peer(own, NGHTTP2_HEADERS, 0, 1, request, 1);
  peer(own, NGHTTP2_CONTINUATION,
       NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY, 1, request + 1,
       sizeof request - 1);
}

static void headers_without_room_for_their_priority(scene *own) {
  peer(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PRIORITY, 1, request,
       sizeof request);
}

static void as_many_calls_as_may_be_open(scene *own) {
  for (uint32_t stream = 1; stream < 2 * STREAMS; stream += 2)
    begin_call(own, stream);
  assert_int_equal(own->account->streams, STREAMS);
  end_call(own, 3);
  begin_call(own, 9);
  reset(own, true, 1, NGHTTP2_CANCEL);
  begin_call(own, 11);
  assert_int_equal(own->account->streams, STREAMS);
}

static void one_call_too_many(scene *own) {
  as_many_calls_as_may_be_open(own);
  begin_call(own, 13);
}

// Half of a call that has ended is still a call: gRPC, or the peer, has more to say.
static void half_a_call_is_one(scene *own) {
  for (uint32_t stream = 1; stream < 2 * STREAMS; stream += 2) {
    begin_call(own, stream);
    peer(own, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, "", 0);
  }
  begin_call(own, 9);
}

static void too_many_calls_on_two_connections(scene *own) {
  mesh_http2_guard *first = own->guard;
  mesh_http2_guard *second = mesh_http2_guard_create(&limits, own->account);
  as_many_calls_as_may_be_open(own);
  own->guard = second;
  pass(own, mesh_http2_guard_from_peer, (const uint8_t *)preface, sizeof preface - 1);
  for (uint32_t stream = 1; stream <= 5; stream += 2)
    begin_call(own, stream);
  assert_int_equal(own->account->streams, PEER_STREAMS);
  own->guard = first;
  assert_int_equal(own->verdict, MESH_HTTP2_END);
  assert_non_null(strstr(mesh_http2_guard_why(second), "on all its connections"));
  mesh_http2_guard_close(second);
  mesh_http2_guard_destroy(second);
  assert_int_equal(own->account->streams, STREAMS);
  own->verdict = MESH_HTTP2_PASS;
}

static void give_up(scene *own, uint32_t stream) {
  begin_call(own, stream);
  reset(own, true, stream, NGHTTP2_CANCEL);
}

static void calls_that_are_given_up_slowly(scene *own) {
  for (uint32_t stream = 1; stream < 100; stream += 2) {
    give_up(own, stream);
    own->now_ns = mesh_time_after_ms(own->now_ns, 10000 / RESETS + 1);
  }
}

static void calls_that_are_given_up_fast(scene *own) {
  for (uint32_t stream = 1; stream <= 2 * RESETS + 1; stream += 2)
    give_up(own, stream);
}

static void calls_that_are_given_up_when_they_are_over(scene *own) {
  for (uint32_t stream = 1; stream < 100; stream += 2) {
    begin_call(own, stream);
    grpc(own, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, stream, "\x88",
         1);
    reset(own, true, stream, NGHTTP2_CANCEL);
  }
  assert_int_equal(own->account->streams, 0);
}

static void calls_that_grpc_ends_itself(scene *own) {
  for (uint32_t stream = 1; stream < 100; stream += 2) {
    begin_call(own, stream);
    reset(own, false, stream, stream % 4 == 1 ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
  }
  assert_int_equal(own->account->streams, 0);
}

// The peer makes a mistake on each call, each a different one, and gRPC gives it up.
static void calls_that_grpc_has_to_give_up(scene *own) {
  static const uint32_t mistakes[] = {NGHTTP2_PROTOCOL_ERROR, NGHTTP2_FLOW_CONTROL_ERROR,
                                      NGHTTP2_STREAM_CLOSED, NGHTTP2_FRAME_SIZE_ERROR};
  _Static_assert(sizeof mistakes / sizeof *mistakes == RESETS + 1, "each of them counts");
  for (uint32_t i = 0; i <= RESETS; i++) {
    begin_call(own, 2 * i + 1);
    reset(own, false, 2 * i + 1, mistakes[i]);
  }
}

// gRPC says goodbye while as many calls are open as may be: their client gives them up.
static void calls_that_a_goodbye_has_met(scene *own) {
  uint8_t goaway[8] = {0x7f, 0xff, 0xff, 0xff};
  for (uint32_t stream = 1; stream < 2 * STREAMS; stream += 2)
    begin_call(own, stream);
  grpc(own, NGHTTP2_GOAWAY, 0, 0, goaway, sizeof goaway);
  for (uint32_t stream = 1; stream < 2 * STREAMS; stream += 2)
    reset(own, true, stream, NGHTTP2_CANCEL);
  for (uint32_t stream = 0; stream < 2 * RESETS; stream += 2)
    give_up(own, 2 * STREAMS + 1 + stream);
}

static void a_call_too_many_after_a_goodbye(scene *own) {
  calls_that_a_goodbye_has_met(own);
  give_up(own, 2 * STREAMS + 2 * RESETS + 1);
}

// A peer's own goodbye forgives nothing.
static void calls_given_up_after_the_peer_s_goodbye(scene *own) {
  uint8_t goaway[8] = {0};
  for (uint32_t stream = 1; stream < 2 * STREAMS; stream += 2)
    begin_call(own, stream);
  peer(own, NGHTTP2_GOAWAY, 0, 0, goaway, sizeof goaway);
  for (uint32_t stream = 1; stream < 2 * STREAMS; stream += 2)
    reset(own, true, stream, NGHTTP2_CANCEL);
}

// A peer that speaks for many others gives up what fifty may.
static void calls_that_many_give_up(scene *own) {
  own->account->speaks_for_many = true;
  for (uint32_t i = 0; i < 50 * RESETS; i++)
    give_up(own, 2 * i + 1);
}

static void one_too_many_of_many(scene *own) {
  calls_that_many_give_up(own);
  give_up(own, 100 * RESETS + 1);
}

static void say_goodbye(scene *own, int times) {
  uint8_t goaway[8] = {0};
  for (int i = 0; i < times; i++)
    peer(own, NGHTTP2_GOAWAY, 0, 0, goaway, sizeof goaway);
}

static void a_few_goodbyes(scene *own) {
  say_goodbye(own, 10);
}

static void goodbyes_without_end(scene *own) {
  say_goodbye(own, 11);
}

static void resets_of_no_call(scene *own) {
  for (uint32_t stream = 2; stream < 1000; stream++)
    reset(own, true, stream, NGHTTP2_CANCEL);
}

static void ask(scene *own, uint8_t type, int times, bool answered) {
  uint8_t eight[8] = {0};
  size_t size = type == NGHTTP2_PING ? 8 : 0;
  for (int i = 0; i < times; i++) {
    peer(own, type, 0, 0, eight, size);
    if (answered) grpc(own, type, NGHTTP2_FLAG_ACK, 0, eight, size);
  }
}

static void pings_that_are_answered(scene *own) {
  ask(own, NGHTTP2_PING, 1000, true);
}

static void pings_that_are_not(scene *own) {
  ask(own, NGHTTP2_PING, 101, false);
}

// gRPC asks whether the peer is there, and the peer answers.
static void pings_of_grpc(scene *own) {
  uint8_t eight[8] = {0};
  for (int i = 0; i < 1000; i++) {
    grpc(own, NGHTTP2_PING, 0, 0, eight, sizeof eight);
    peer(own, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, eight, sizeof eight);
  }
}

static void settings_that_are_answered(scene *own) {
  ask(own, NGHTTP2_SETTINGS, 1000, true);
}

static void settings_that_are_not(scene *own) {
  ask(own, NGHTTP2_SETTINGS, 101, false);
}

static void answers_to_what_was_not_asked(scene *own) {
  for (int i = 0; i < 200; i++) {
    peer(own, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, four, 0);
    grpc(own, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, four, 0);
  }
  ask(own, NGHTTP2_SETTINGS, 100, false);
}

typedef struct row {
  const char *name;
  void (*run)(scene *own);
  mesh_http2_verdict verdict;
  const char *why;
} row;

static const row rows[] = {
    {"calls one after the other", calls_one_after_the_other, MESH_HTTP2_PASS, ""},
    {"a block without end", a_block_without_end, MESH_HTTP2_END,
     "headers of more than 32768 bytes"},
    {"a block of many frames", a_block_of_many_frames, MESH_HTTP2_END, "more than 16 frames"},
    {"a frame that says how long it will be", a_frame_that_says_how_long_it_will_be, MESH_HTTP2_END,
     "headers of more than 32768 bytes"},
    {"a field that is named very often", a_field_that_is_named_very_often, MESH_HTTP2_END,
     "a header list of more than 32768 bytes"},
    {"a field that is named eight times", a_field_that_is_named_eight_times, MESH_HTTP2_PASS, ""},
    {"very many short fields", very_many_short_fields, MESH_HTTP2_END, "more than 256 fields"},
    {"an index without an entry", an_index_without_an_entry, MESH_HTTP2_END, "no HPACK"},
    {"a block that ends in the middle of a field", a_block_that_ends_in_the_middle_of_a_field,
     MESH_HTTP2_END, "no HPACK"},
    {"headers with a priority", headers_with_a_priority, MESH_HTTP2_PASS, ""},
    {"headers with padding", headers_with_padding, MESH_HTTP2_END, "padding"},
    {"a continuation with the flags of headers", a_continuation_with_the_flags_of_headers,
     MESH_HTTP2_PASS, ""},
    {"headers without room for their priority", headers_without_room_for_their_priority,
     MESH_HTTP2_END, "shorter than they say"},
    {"as many calls as may be open", as_many_calls_as_may_be_open, MESH_HTTP2_PASS, ""},
    {"one call too many", one_call_too_many, MESH_HTTP2_END, "more than 4 calls that are open"},
    {"half a call is one", half_a_call_is_one, MESH_HTTP2_END, "more than 4 calls that are open"},
    {"too many calls on two connections", too_many_calls_on_two_connections, MESH_HTTP2_PASS, ""},
    {"calls that are given up slowly", calls_that_are_given_up_slowly, MESH_HTTP2_PASS, ""},
    {"calls that are given up fast", calls_that_are_given_up_fast, MESH_HTTP2_EXPEL,
     "more than 3 calls that were given up"},
    {"calls that are given up when they are over", calls_that_are_given_up_when_they_are_over,
     MESH_HTTP2_PASS, ""},
    {"calls that gRPC ends itself", calls_that_grpc_ends_itself, MESH_HTTP2_PASS, ""},
    {"calls that gRPC has to give up", calls_that_grpc_has_to_give_up, MESH_HTTP2_EXPEL,
     "given up"},
    {"calls that a goodbye has met", calls_that_a_goodbye_has_met, MESH_HTTP2_PASS, ""},
    {"a call too many after a goodbye", a_call_too_many_after_a_goodbye, MESH_HTTP2_EXPEL,
     "more than 3 calls that were given up"},
    {"calls given up after the peer's goodbye", calls_given_up_after_the_peer_s_goodbye,
     MESH_HTTP2_EXPEL, "more than 3 calls that were given up"},
    {"calls that many give up", calls_that_many_give_up, MESH_HTTP2_PASS, ""},
    {"one too many of many", one_too_many_of_many, MESH_HTTP2_EXPEL,
     "more than 150 calls that were given up"},
    {"resets of no call", resets_of_no_call, MESH_HTTP2_PASS, ""},
    {"a few goodbyes", a_few_goodbyes, MESH_HTTP2_PASS, ""},
    {"goodbyes without end", goodbyes_without_end, MESH_HTTP2_END, "more than 10 GOAWAYs"},
    {"PINGs that are answered", pings_that_are_answered, MESH_HTTP2_PASS, ""},
    {"PINGs that are not", pings_that_are_not, MESH_HTTP2_END, "more than 100 PINGs"},
    {"PINGs of gRPC", pings_of_grpc, MESH_HTTP2_PASS, ""},
    {"SETTINGS that are answered", settings_that_are_answered, MESH_HTTP2_PASS, ""},
    {"SETTINGS that are not", settings_that_are_not, MESH_HTTP2_END, "more than 100 SETTINGS"},
    {"answers to what was not asked", answers_to_what_was_not_asked, MESH_HTTP2_PASS, ""},
};

static void play(const row *one, size_t cut) {
  mesh_http2_account account = {0};
  scene own = {.account = &account, .cut = cut, .now_ns = MESH_S_NS};
  own.guard = mesh_http2_guard_create(&limits, &account);
  pass(&own, mesh_http2_guard_from_peer, (const uint8_t *)preface, sizeof preface - 1);
  one->run(&own);
  assert_int_equal(own.verdict, one->verdict);
  assert_non_null(strstr(mesh_http2_guard_why(own.guard), one->why));
  mesh_http2_guard_close(own.guard);
  mesh_http2_guard_destroy(own.guard);
  assert_int_equal(account.streams, 0);
}

static void check_row(void **state) {
  static const size_t cuts[] = {1, 2, 9, 1000000};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
    play(*state, cuts[i]);
}

int main(void) {
  RUN_ROWS("what a guard lets pass", rows, check_row);
}
