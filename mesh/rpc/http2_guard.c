#include "mesh/rpc/http2_guard.h"

#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"

enum {
  PREFACE_BYTES = 24,
  HEAD_BYTES = 9,
  PRIORITY_BYTES = 5,    // in HEADERS that say so
  CODE_BYTES = 4,        // of RST_STREAM
  GOAWAY_BYTES = 8,      // before its text
  FRAMES_MAX = 16,       // of one header block
  FIELDS_MAX = 256,      // of one header list: gRPC takes 150 bytes for each, however short
  UNANSWERED_MAX = 100,  // SETTINGS and PINGs
  GOODBYES_MAX = 10,     // a client needs one; to gRPC each is much work
  RESETS_LEAK_S = 10,    // all of them
  MANY = 50,             // peers, for whom one speaks
};

// A stream that is open, or half.
typedef struct stream {
  uint32_t id;
  bool peer_done, grpc_done;
} stream;

// One direction.
typedef struct way {
  size_t preface;            // bytes of it still to come
  uint8_t head[HEAD_BYTES];  // of the frame
  size_t have;               // of `head`
  uint32_t left, at;         // of the payload: still to come, and before it
  uint8_t type, flags;
  uint32_t stream;
  uint32_t code;  // of RST_STREAM, as far as it has come
} way;

struct mesh_http2_guard {
  const mesh_http2_limits *limits;
  mesh_http2_account *account;
  way from_peer, from_grpc;
  int64_t now_ns;

  nghttp2_hd_inflater *hpack;
  uint32_t fragment_at;             // where in a frame's payload its part of the block begins
  int64_t block_bytes, list_bytes;  // of the header block that comes in
  int frames, fields;

  uint32_t last_id;
  stream *open;  // by id
  size_t open_count, open_room;
  size_t forgiven;      // resets that count for nothing: of calls that gRPC's goodbye has met
  int settings, pings;  // that gRPC has yet to answer
  int goodbyes;         // of the peer

  mesh_http2_verdict verdict;
  char why[96];
};

static void refuse(mesh_http2_guard *own, mesh_http2_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(mesh_http2_guard *own, mesh_http2_verdict verdict, const char *format, ...) {
  va_list args;
  if (own->verdict != MESH_HTTP2_PASS) return;
  own->verdict = verdict;
  va_start(args, format);
  mesh_text_vformat(own->why, sizeof own->why, format, args);
  va_end(args);
}

// ---- streams ----

static int compare_ids(const void *a, const void *b) {
  uint32_t x = ((const stream *)a)->id, y = ((const stream *)b)->id;
  return (x > y) - (x < y);
}

static stream *find_stream(mesh_http2_guard *own, uint32_t id) {
  if (own->open_count == 0) return NULL;
  stream key = {.id = id};
  return bsearch(&key, own->open, own->open_count, sizeof key, compare_ids);
}

static void close_stream(mesh_http2_guard *own, stream *ended) {
  size_t behind = (size_t)(own->open + own->open_count - (ended + 1));
  memmove(ended, ended + 1, behind * sizeof *ended);
  own->open_count--;
  own->account->streams--;
}

// A client's streams have odd numbers that grow. What is no new one is gRPC's to refuse.
static void open_stream(mesh_http2_guard *own, uint32_t id) {
  if (id % 2 == 0 || id <= own->last_id) return;
  own->last_id = id;
  if ((int64_t)own->open_count >= own->limits->streams) {
    refuse(own, MESH_HTTP2_END, "more than %lld calls that are open",
           (long long)own->limits->streams);
    return;
  }
  if (own->account->streams >= own->limits->peer_streams) {
    refuse(own, MESH_HTTP2_END, "more than %lld calls that are open, on all its connections",
           (long long)own->limits->peer_streams);
    return;
  }
  if (own->open_count == own->open_room) {
    own->open_room = own->open_room == 0 ? 8 : own->open_room * 2;
    own->open = realloc(own->open, own->open_room * sizeof *own->open);
    if (own->open == NULL) abort();
  }
  own->open[own->open_count++] = (stream){.id = id};
  own->account->streams++;
}

static void end_half(mesh_http2_guard *own, const way *from) {
  stream *ended = find_stream(own, from->stream);
  if (ended == NULL) return;
  if (from == &own->from_peer) {
    ended->peer_done = true;
  } else {
    ended->grpc_done = true;
  }
  if (ended->peer_done && ended->grpc_done) close_stream(own, ended);
}

static void count_reset(mesh_http2_guard *own) {
  mesh_http2_account *account = own->account;
  int64_t most = mesh_multiply(own->limits->resets, account->speaks_for_many ? MANY : 1);
  int64_t passed_ms = mesh_time_between(account->resets_ns, own->now_ns) / MESH_MS_NS;
  int64_t leaked = mesh_multiply(most, passed_ms) / mesh_s_ms(RESETS_LEAK_S);
  if (leaked > 0) {
    account->resets = leaked < account->resets ? account->resets - leaked : 0;
    account->resets_ns = own->now_ns;
  }
  if (account->resets++ < most) return;
  refuse(own, MESH_HTTP2_EXPEL, "more than %lld calls that were given up", (long long)most);
}

// gRPC ends a stream so when the peer made a mistake on it, to which a peer can bring it as fast as
// it gives up calls.
static bool is_the_peers_fault(uint32_t code) {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
         code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
}

static void reset_stream(mesh_http2_guard *own, const way *from) {
  stream *ended = find_stream(own, from->stream);
  if (ended == NULL) return;
  bool counts = from == &own->from_peer ? !ended->grpc_done : is_the_peers_fault(from->code);
  close_stream(own, ended);
  if (counts && own->forgiven > 0) {
    own->forgiven--;
  } else if (counts) {
    count_reset(own);
  }
}

// ---- header blocks ----

// `last`: the block ends with these.
static void inflate(mesh_http2_guard *own, const uint8_t *bytes, size_t size, bool last) {
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    ssize_t used = nghttp2_hd_inflate_hd2(own->hpack, &field, &flags, bytes, size, last);
    if (used < 0) {
      refuse(own, MESH_HTTP2_END, "headers that are no HPACK: %s", nghttp2_strerror((int)used));
      return;
    }
    bytes += used;
    size -= (size_t)used;
    if (flags & NGHTTP2_HD_INFLATE_FINAL) {
      nghttp2_hd_inflate_end_headers(own->hpack);
      return;
    }
    if (!(flags & NGHTTP2_HD_INFLATE_EMIT)) return;  // the next bytes go on from here
    own->list_bytes += (int64_t)(field.namelen + field.valuelen);
    if (own->list_bytes > own->limits->header_bytes) {
      refuse(own, MESH_HTTP2_END, "a header list of more than %lld bytes",
             (long long)own->limits->header_bytes);
      return;
    }
    if (++own->fields > FIELDS_MAX) {
      refuse(own, MESH_HTTP2_END, "a header list of more than %d fields", FIELDS_MAX);
      return;
    }
  }
}

// A piece of a HEADERS or CONTINUATION frame's payload; before its part of the block there may be a
// priority.
static void take_headers(mesh_http2_guard *own, way *from, const uint8_t *bytes, size_t size) {
  size_t skip = from->at < own->fragment_at ? own->fragment_at - from->at : 0;
  if (skip < size) inflate(own, bytes + skip, size - skip, false);
  bool whole = size == from->left;
  if (whole && from->flags & NGHTTP2_FLAG_END_HEADERS) inflate(own, bytes + size, 0, true);
}

static void begin_block(mesh_http2_guard *own, const way *from) {
  own->block_bytes = own->list_bytes = 0;
  own->frames = own->fields = 0;
  own->fragment_at = from->flags & NGHTTP2_FLAG_PRIORITY ? PRIORITY_BYTES : 0;
  if (own->fragment_at > from->left) {
    refuse(own, MESH_HTTP2_END, "headers that are shorter than they say");
  }
  // gRPC takes padding for headers: what is none to us would be some to it.
  if (from->flags & NGHTTP2_FLAG_PADDED) {
    refuse(own, MESH_HTTP2_END, "headers with padding, which gRPC does not read");
  }
}

static void count_block(mesh_http2_guard *own, const way *from) {
  own->block_bytes += from->left;
  if (own->block_bytes > own->limits->header_bytes) {
    refuse(own, MESH_HTTP2_END, "headers of more than %lld bytes",
           (long long)own->limits->header_bytes);
  }
  if (++own->frames > FRAMES_MAX) {
    refuse(own, MESH_HTTP2_END, "headers in more than %d frames", FRAMES_MAX);
  }
}

// ---- frames ----

static void count_question(mesh_http2_guard *own, const way *from, int *unanswered) {
  bool answer = from->flags & NGHTTP2_FLAG_ACK;
  if (from == &own->from_grpc) {
    if (answer && *unanswered > 0) --*unanswered;
  } else if (!answer && ++*unanswered > UNANSWERED_MAX) {
    refuse(own, MESH_HTTP2_END, "more than %d %s without waiting for an answer", UNANSWERED_MAX,
           from->type == NGHTTP2_PING ? "PINGs" : "SETTINGS");
  }
}

// Its head is whole.
static void begin_frame(mesh_http2_guard *own, way *from) {
  bool in = from == &own->from_peer;
  switch (from->type) {
    case NGHTTP2_HEADERS:
      if (in) begin_block(own, from);
      if (in) open_stream(own, from->stream);
      if (in) count_block(own, from);
      break;
    case NGHTTP2_CONTINUATION:
      if (in) own->fragment_at = 0;
      if (in) count_block(own, from);
      break;
    case NGHTTP2_SETTINGS:
      count_question(own, from, &own->settings);
      break;
    case NGHTTP2_PING:
      count_question(own, from, &own->pings);
      break;
    case NGHTTP2_GOAWAY:  // whoever leaves takes the calls that are open to a new connection
      if (!in) own->forgiven = own->open_count;
      if (in && ++own->goodbyes > GOODBYES_MAX) {
        refuse(own, MESH_HTTP2_END, "more than %d GOAWAYs", GOODBYES_MAX);
      }
      break;
  }
}

static void take_payload(mesh_http2_guard *own, way *from, const uint8_t *bytes, size_t size) {
  bool headers = from->type == NGHTTP2_HEADERS || from->type == NGHTTP2_CONTINUATION;
  if (headers && from == &own->from_peer) take_headers(own, from, bytes, size);
  for (size_t i = 0; from->type == NGHTTP2_RST_STREAM && i < size && from->at + i < CODE_BYTES; i++)
    from->code = from->code << 8 | bytes[i];
}

static void end_frame(mesh_http2_guard *own, way *from) {
  bool ends = from->type == NGHTTP2_HEADERS || from->type == NGHTTP2_DATA;
  if (ends && from->flags & NGHTTP2_FLAG_END_STREAM) end_half(own, from);
  if (from->type == NGHTTP2_RST_STREAM) reset_stream(own, from);
  from->have = 0;
}

static void read_head(way *from) {
  const uint8_t *head = from->head;
  from->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
  from->type = head[3];
  from->flags = head[4];
  from->stream =
      (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8];
  from->stream &= 0x7fffffff;
  from->at = 0;
  from->code = 0;
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static mesh_http2_verdict look(mesh_http2_guard *own, way *from, mesh_view bytes) {
  const uint8_t *at = bytes.data, *end = bytes.data + bytes.size_bytes;
  size_t preface = smaller(from->preface, bytes.size_bytes);  // gRPC refuses what is none
  from->preface -= preface;
  at += preface;
  while (at < end && own->verdict == MESH_HTTP2_PASS) {
    if (from->have < HEAD_BYTES) {
      size_t size = smaller(HEAD_BYTES - from->have, (size_t)(end - at));
      memcpy(from->head + from->have, at, size);
      from->have += size;
      at += size;
      if (from->have < HEAD_BYTES) break;
      read_head(from);
      begin_frame(own, from);
    }
    size_t size = smaller(from->left, (size_t)(end - at));
    if (own->verdict == MESH_HTTP2_PASS) take_payload(own, from, at, size);
    at += size;
    from->at += (uint32_t)size;
    from->left -= (uint32_t)size;
    if (from->left == 0) end_frame(own, from);
  }
  return own->verdict;
}

mesh_http2_verdict mesh_http2_guard_from_peer(mesh_http2_guard *guard, mesh_view bytes,
                                              int64_t now_ns) {
  guard->now_ns = now_ns;
  return look(guard, &guard->from_peer, bytes);
}

mesh_http2_verdict mesh_http2_guard_from_grpc(mesh_http2_guard *guard, mesh_view bytes,
                                              int64_t now_ns) {
  guard->now_ns = now_ns;
  return look(guard, &guard->from_grpc, bytes);
}

// ---- what is said ----

mesh_http2_verdict mesh_http2_guard_dismiss(mesh_http2_guard *guard, const char *why) {
  refuse(guard, MESH_HTTP2_END, "%s", why);
  return guard->verdict;
}

size_t mesh_http2_guard_streams(const mesh_http2_guard *guard) {
  return guard->open_count;
}

const char *mesh_http2_guard_why(const mesh_http2_guard *guard) {
  return guard->why;
}

int64_t mesh_http2_guard_list(const mesh_http2_guard *guard, int *fields) {
  *fields = guard->fields;
  return guard->list_bytes;
}

static size_t put_goaway(uint8_t *to, uint32_t last_id, const char *why) {
  uint32_t text = (uint32_t)strlen(why), size = GOAWAY_BYTES + text,
           code = NGHTTP2_ENHANCE_YOUR_CALM;
  assert(HEAD_BYTES * 2 + size <= MESH_HTTP2_GOODBYE_MAX);
  uint8_t head[] = {0,
                    0,
                    (uint8_t)size,
                    NGHTTP2_GOAWAY,
                    0,
                    0,
                    0,
                    0,
                    0,
                    (uint8_t)(last_id >> 24),
                    (uint8_t)(last_id >> 16),
                    (uint8_t)(last_id >> 8),
                    (uint8_t)last_id,
                    0,
                    0,
                    0,
                    (uint8_t)code};
  memcpy(to, head, sizeof head);
  memcpy(to + sizeof head, why, text);
  return sizeof head + text;
}

// Without SETTINGS before it: a gRPC client would take those for a connection that works, and come
// again at once and without end (1,900 times a second), instead of waiting longer each time.
size_t mesh_http2_turn_away(const char *why, uint8_t bytes[MESH_HTTP2_GOODBYE_MAX]) {
  return put_goaway(bytes, 0, why);
}

size_t mesh_http2_guard_say_goodbye(const mesh_http2_guard *own,
                                    uint8_t bytes[MESH_HTTP2_GOODBYE_MAX]) {
  if (own->from_grpc.have > 0) return 0;
  return put_goaway(bytes, own->last_id, own->why);
}

// ---- the life of a guard ----

mesh_http2_guard *mesh_http2_guard_create(const mesh_http2_limits *limits,
                                          mesh_http2_account *account) {
  mesh_http2_guard *own = calloc(1, sizeof *own);
  if (own == NULL || nghttp2_hd_inflate_new(&own->hpack) != 0) abort();
  own->limits = limits;
  own->account = account;
  own->from_peer.preface = PREFACE_BYTES;
  return own;
}

void mesh_http2_guard_close(mesh_http2_guard *own) {
  own->account->streams -= (int64_t)own->open_count;
  own->open_count = 0;
}

void mesh_http2_guard_destroy(mesh_http2_guard *own) {
  if (own == NULL) return;
  assert(own->open_count == 0);
  nghttp2_hd_inflate_del(own->hpack);
  free(own->open);
  free(own);
}
