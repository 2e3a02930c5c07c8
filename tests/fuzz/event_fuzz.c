// The event decoder: any bytes as a frame, then each of its events.
#include <stdlib.h>

#include "mesh/event.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  mesh_view one, frame = {data, size_bytes};
  size_t offset = 0;
  bool bad;
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
