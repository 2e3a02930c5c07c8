// The event decoder: any bytes as a frame, then each of its events.
#include <stdlib.h>

#include "mesh/operation/event.h"
#include "tests/fuzz/target.h"

// Every hop can be written, and reads the same.
static void check_hops(mesh_view frame) {
  mesh_hop hop, again;
  for (size_t offset = 0; mesh_event_next_hop(frame, &offset, &hop);) {
    uint8_t bytes[MESH_HOP_MAX];
    size_t start = 0;
    mesh_view back = {bytes, mesh_event_encode_hop(&hop, bytes)};
    if (!mesh_event_next_hop(back, &start, &again) || again.sent_ns != hop.sent_ns) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  mesh_view one, frame = {data, size_bytes};
  size_t offset = 0;
  bool bad;
  check_hops(frame);
  while (mesh_event_next(frame, &offset, &one, &bad)) {
    mesh_event event, again;
    mesh_error err;
    if (mesh_event_decode(one, &event, &err) != GRPC_STATUS_OK) continue;
    // What was read can be written, and reads the same.
    size_t bound = mesh_event_bound(&event);
    uint8_t *bytes = malloc(bound);
    if (bytes == NULL) abort();
    mesh_view back = {bytes, mesh_event_encode(&event, bytes, bound)};
    if (mesh_event_decode(back, &again, &err) != GRPC_STATUS_OK) abort();
    if (again.sequence != event.sequence || again.body.size_bytes != event.body.size_bytes) abort();
    free(bytes);
  }
  return 0;
}
