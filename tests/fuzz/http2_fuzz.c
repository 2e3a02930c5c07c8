// What a peer sends before gRPC has seen it: any bytes, and any that gRPC could say to them.
// However they are cut, a guard says the same of them.
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/http2_guard.h"
#include "tests/fuzz/target.h"

static const mesh_http2_limits limits = {1 << 10, 8, 12, 4};

static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What is said of the one direction, and then of the other, in pieces of `cut` bytes.
static mesh_http2_verdict look(mesh_view peer, mesh_view grpc, size_t cut) {
  mesh_http2_account account = {0};
  mesh_http2_verdict verdict = MESH_HTTP2_PASS;
  uint8_t goodbye[MESH_HTTP2_GOODBYE_MAX];
  mesh_http2_guard *guard = mesh_http2_guard_create(&limits, &account);
  mesh_http2_guard_from_peer(guard, (mesh_view){preface, sizeof preface - 1}, 1);
  for (size_t at = 0; at < peer.size_bytes && verdict == MESH_HTTP2_PASS; at += cut) {
    size_t size = peer.size_bytes - at < cut ? peer.size_bytes - at : cut;
    verdict = mesh_http2_guard_from_peer(guard, (mesh_view){peer.data + at, size}, 1);
  }
  for (size_t at = 0; at < grpc.size_bytes && verdict == MESH_HTTP2_PASS; at += cut) {
    size_t size = grpc.size_bytes - at < cut ? grpc.size_bytes - at : cut;
    verdict = mesh_http2_guard_from_grpc(guard, (mesh_view){grpc.data + at, size}, 1);
  }
  if (account.streams < 0 || account.streams > limits.streams) abort();
  if ((verdict == MESH_HTTP2_PASS) != (mesh_http2_guard_why(guard)[0] == '\0')) abort();
  if (verdict != MESH_HTTP2_PASS &&
      mesh_http2_guard_say_goodbye(guard, goodbye) > MESH_HTTP2_GOODBYE_MAX) {
    abort();
  }
  mesh_http2_guard_close(guard);
  if (account.streams != 0) abort();
  mesh_http2_guard_destroy(guard);
  return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  if (size_bytes < 3) return 0;
  size_t split = ((size_t)data[0] << 8 | data[1]) % (size_bytes - 1), cut = data[2] % 64 + 1u;
  data += 2;
  size_bytes -= 2;
  if (split > size_bytes) split = size_bytes;
  mesh_view peer = {data, split}, grpc = {data + split, size_bytes - split};
  mesh_http2_verdict whole = look(peer, grpc, size_bytes + 1);
  if (look(peer, grpc, 1) != whole || look(peer, grpc, cut) != whole) abort();
  return 0;
}
