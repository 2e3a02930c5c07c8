// What a guard lets pass, gRPC must read as the guard did: made-up header blocks, in frames with
// any flags, go through a guard to a real gRPC server, which says what it has read. A guard that
// reads otherwise bounds nothing. gRPC may refuse what the guard lets pass.
#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <nghttp2/nghttp2.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mesh/rpc/http2_guard.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/time.h"
#include "tests/unit.h"

enum { CONVERSATIONS = 150, CALLS = 20, BLOCK_MAX = 16000, WAIT_MS = 20000, STEP_MS = 2 };

static const mesh_http2_limits wide = {1 << 20, 1000, 1000, 100000};

// ---- made-up bytes ----

typedef struct block {
  uint8_t bytes[BLOCK_MAX];
  size_t size;
} block;

static unsigned chance(unsigned *seed, unsigned below) {
  *seed = *seed * 1103515245 + 12345;
  return (*seed >> 16) % below;
}

static void put(block *own, const void *bytes, size_t size) {
  assert_true(own->size + size <= BLOCK_MAX);
  memcpy(own->bytes + own->size, bytes, size);
  own->size += size;
}

static void put_byte(block *own, unsigned byte) {
  put(own, &(uint8_t){(uint8_t)byte}, 1);
}

// An integer behind a prefix of `bits`, as HPACK writes it.
static void put_number(block *own, unsigned first, int bits, unsigned number) {
  unsigned most = (1u << bits) - 1;
  if (number < most) {
    put_byte(own, first | number);
    return;
  }
  put_byte(own, first | most);
  for (number -= most; number >= 128; number >>= 7)
    put_byte(own, number % 128 + 128);
  put_byte(own, number);
}

static void put_text(block *own, const char *text, size_t size) {
  put_number(own, 0, 7, (unsigned)size);
  put(own, text, size);
}

// Examples of RFC 7541, in Huffman's code: "custom-key", "custom-value", "no-cache".
static const char *const coded[] = {"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f",
                                    "\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
                                    "\xa8\xeb\x10\x64\x9c\xbf"};

static void put_made_up_text(block *own, unsigned *seed, unsigned most) {
  static char letters[1000];
  memset(letters, 'k', sizeof letters);
  if (chance(seed, 4) == 0) {
    const char *text = coded[chance(seed, 3)];
    put_number(own, 0x80, 7, (unsigned)strlen(text));
    put(own, text, strlen(text));
  } else {
    put_text(own, letters, 1 + chance(seed, most));
  }
}

// An entry of the dynamic table that is there, as a rule.
static unsigned pick(unsigned *seed) {
  return 62 + chance(seed, chance(seed, 30) == 0 ? 40 : 2);
}

// A field with a name of its own, or one of the tables'.
static void put_literal(block *own, unsigned *seed, unsigned first, int bits) {
  if (chance(seed, 3) == 0) {
    put_number(own, first, bits, pick(seed));
  } else {
    put_byte(own, first);
    put_made_up_text(own, seed, 30);
  }
  put_made_up_text(own, seed, chance(seed, 4) == 0 ? 900 : 40);
}

static void put_field(block *own, unsigned *seed) {
  switch (chance(seed, 5)) {
    case 0:
      put_literal(own, seed, 0x40, 6);  // kept in the table
      break;
    case 1:
      put_literal(own, seed, 0x00, 4);
      break;
    case 2:
      put_literal(own, seed, 0x10, 4);  // never indexed
      break;
    default:
      put_number(own, 0x80, 7, pick(seed));
  }
}

#define BASE_TEXT    \
  ":pathte"          \
  "content-type"     \
  ":authority"       \
  "/t"               \
  "trailers"         \
  "application/grpc" \
  "a"                \
  ":methodPOST"      \
  ":schemehttp"
enum { BASE_FIELDS = 6, BASE_BYTES = sizeof BASE_TEXT - 1 };

static void put_literal_text(block *own, const char *name, const char *value) {
  put_byte(own, 0);
  put_text(own, name, strlen(name));
  put_text(own, value, strlen(value));
}

static void make_block(block *own, bool first, unsigned *seed) {
  own->size = 0;
  for (unsigned i = chance(seed, 20) == 0 ? 1 + chance(seed, 2) : 0; i > 0; i--)
    put_number(own, 0x20, 5, chance(seed, 4) ? 4096 : chance(seed, 500));
  put_byte(own, 0x83);  // :method: POST
  put_byte(own, 0x86);  // :scheme: http
  put_literal_text(own, ":path", "/t");
  put_literal_text(own, ":authority", "a");
  put_literal_text(own, "te", "trailers");
  put_literal_text(own, "content-type", "application/grpc");
  size_t base = own->size;
  if (first) put_literal_text(own, "k", "k");
  for (unsigned i = first ? 3 : 0; i > 0; i--) {
    put_byte(own, 0x40);
    put_made_up_text(own, seed, 30);
    put_made_up_text(own, seed, 30);
  }
  for (unsigned i = chance(seed, 9); i > 0; i--)
    put_field(own, seed);
  if (own->size > base && chance(seed, 40) == 0) {
    own->bytes[base + chance(seed, (unsigned)(own->size - base))] ^= 1u << chance(seed, 8);
  }
}

// ---- frames ----

static void put_frame(block *out, unsigned type, unsigned flags, uint32_t stream,
                      const uint8_t *payload, size_t size) {
  uint8_t head[9] = {(uint8_t)(size >> 16),   (uint8_t)(size >> 8),   (uint8_t)size,
                     (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
                     (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
  put(out, head, sizeof head);
  put(out, payload, size);
}

// Any flags that a frame may have, but for the end of the headers.
static unsigned any_flags(unsigned *seed) {
  unsigned flags = chance(seed, 3) == 0 ? chance(seed, 256) : 0;
  if (chance(seed, 6) > 0) flags &= ~(unsigned)NGHTTP2_FLAG_PADDED;
  return flags & ~(unsigned)NGHTTP2_FLAG_END_HEADERS;
}

static void put_headers(block *out, const block *headers, uint32_t stream, unsigned *seed) {
  uint8_t payload[5 + BLOCK_MAX] = {0};
  size_t at = 0, frames = 1 + chance(seed, 3);
  for (size_t i = 0; i < frames; i++) {
    size_t size = headers->size - at;
    if (i + 1 < frames) size = chance(seed, (unsigned)size + 1);
    unsigned flags = any_flags(seed);
    size_t skip = i == 0 && flags & NGHTTP2_FLAG_PRIORITY ? 5 : 0;
    if (i + 1 == frames) flags |= NGHTTP2_FLAG_END_HEADERS;
    memcpy(payload + skip, headers->bytes + at, size);
    put_frame(out, i == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION, flags, stream, payload,
              skip + size);
    at += size;
  }
}

// ---- gRPC ----

typedef struct scene {
  grpc_completion_queue *queue;
  grpc_server *server;
  int peer;  // our end
  grpc_call *call;
  grpc_call_details details;
  grpc_metadata_array metadata;
  char heard[64];  // the newest bytes from gRPC
  int pings;       // whose answers have come
  mesh_http2_account account;
  mesh_http2_guard *guard;
  int same, refused_by_guard, refused_by_grpc;
} scene;

static void request_call(scene *own) {
  grpc_call_details_init(&own->details);
  grpc_metadata_array_init(&own->metadata);
  assert_int_equal(grpc_server_request_call(own->server, &own->call, &own->details, &own->metadata,
                                            own->queue, own->queue, own),
                   GRPC_CALL_OK);
}

static void forget_call(scene *own) {
  if (own->call != NULL) {
    grpc_call_cancel(own->call, NULL);
    grpc_call_unref(own->call);
    own->call = NULL;
  }
  grpc_call_details_destroy(&own->details);
  grpc_metadata_array_destroy(&own->metadata);
}

static void start(scene *own) {
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  own->peer = fds[0];
  grpc_arg limit = {.type = GRPC_ARG_INTEGER, .key = (char *)GRPC_ARG_MAX_METADATA_SIZE};
  limit.value.integer = 1 << 20;
  grpc_channel_args args = {1, &limit};
  own->server = grpc_server_create(&args, NULL);
  grpc_server_register_completion_queue(own->server, own->queue, NULL);
  grpc_server_start(own->server);
  grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
  grpc_server_add_channel_from_fd(own->server, fds[1], plain);
  grpc_server_credentials_release(plain);
  own->account = (mesh_http2_account){0};
  own->guard = mesh_http2_guard_create(&wide, &own->account);
  request_call(own);
}

static grpc_event next(scene *own, int ms) {
  gpr_timespec wait = gpr_time_from_millis(ms, GPR_TIMESPAN);
  return grpc_completion_queue_next(own->queue, gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), wait),
                                    NULL);
}

static void stop(scene *own) {
  static char shut;
  close(own->peer);
  grpc_server_shutdown_and_notify(own->server, own->queue, &shut);
  grpc_server_cancel_all_calls(own->server);
  for (bool requested = false, ended = false; !requested || !ended;) {
    grpc_event event = next(own, WAIT_MS);
    assert_int_equal(event.type, GRPC_OP_COMPLETE);
    if (event.tag == &shut) ended = true;
    if (event.tag == own) requested = true;
  }
  forget_call(own);
  grpc_server_destroy(own->server);
  mesh_http2_guard_close(own->guard);
  mesh_http2_guard_destroy(own->guard);
}

// ---- one call ----

// True when the answer to our PING has come; *ended says that gRPC has closed instead.
static bool hear(scene *own, bool *ended) {
  static const char answer[] = {0, 0, 8, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, 0, 0, 0};
  char bytes[4096];
  ssize_t size = recv(own->peer, bytes, sizeof bytes, MSG_DONTWAIT);
  *ended = size == 0;
  return size > 0 && memmem(bytes, (size_t)size, answer, sizeof answer) != NULL;
}

// Waits for the call (true), or for gRPC to say otherwise.
static bool arrives(scene *own, bool *ended) {
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), WAIT_MS);
  bool answered = false;
  *ended = false;
  while (!*ended) {
    grpc_event event = next(own, STEP_MS);
    if (event.type == GRPC_OP_COMPLETE) {
      assert_ptr_equal(event.tag, own);
      return event.success != 0;
    }
    if (answered) return false;  // what came before the PING was read, and no call came of it
    answered = hear(own, ended);
    assert_true(mesh_now_ns() < limit_ns);
  }
  return false;
}

// What gRPC has read, with what it keeps for itself.
static void check_reading(scene *own) {
  int64_t bytes = BASE_BYTES;
  int fields;
  for (size_t i = 0; i < own->metadata.count; i++) {
    const grpc_metadata *one = &own->metadata.metadata[i];
    bytes += (int64_t)(GRPC_SLICE_LENGTH(one->key) + GRPC_SLICE_LENGTH(one->value));
  }
  assert_int_equal(mesh_http2_guard_list(own->guard, &fields), bytes);
  assert_int_equal(fields, BASE_FIELDS + (int)own->metadata.count);
}

static void send_all(scene *own, const block *out) {
  assert_int_equal(send(own->peer, out->bytes, out->size, MSG_NOSIGNAL), out->size);
}

// False when the conversation is over.
static bool talk(scene *own, uint32_t stream, unsigned *seed) {
  static block headers, out;
  static const uint8_t eight[8] = {0};
  make_block(&headers, stream == 1, seed);
  out.size = 0;
  put_headers(&out, &headers, stream, seed);
  mesh_view view = {out.bytes, out.size};
  if (mesh_http2_guard_from_peer(own->guard, view, MESH_S_NS) != MESH_HTTP2_PASS) {
    own->refused_by_guard++;
    return false;
  }
  put_frame(&out, NGHTTP2_PING, 0, 0, eight, sizeof eight);
  send_all(own, &out);
  bool ended, came = arrives(own, &ended);
  if (!came) {
    own->refused_by_grpc++;
    return !ended;
  }
  check_reading(own);
  own->same++;
  forget_call(own);
  request_call(own);
  return true;
}

static void grpc_reads_what_the_guard_has_read(void **state) {
  (void)state;
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
  unsigned seed = 20261126;
  scene own = {0};
  grpc_init();
  own.queue = grpc_completion_queue_create_for_next(NULL);
  for (int i = 0; i < CONVERSATIONS; i++) {
    block hello = {.size = 0};
    start(&own);
    put(&hello, preface, sizeof preface);
    mesh_view view = {hello.bytes, hello.size};
    assert_int_equal(mesh_http2_guard_from_peer(own.guard, view, MESH_S_NS), MESH_HTTP2_PASS);
    send_all(&own, &hello);
    for (uint32_t call = 0; call < CALLS && talk(&own, 2 * call + 1, &seed); call++) {
    }
    stop(&own);
  }
  print_message("%d lists read alike, %d refused by the guard, %d by gRPC\n", own.same,
                own.refused_by_guard, own.refused_by_grpc);
  assert_true(own.same > 500);
  assert_true(own.refused_by_guard > 20);
  grpc_completion_queue_shutdown(own.queue);
  while (next(&own, WAIT_MS).type != GRPC_QUEUE_SHUTDOWN) {
  }
  grpc_completion_queue_destroy(own.queue);
  grpc_shutdown_blocking();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(grpc_reads_what_the_guard_has_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
