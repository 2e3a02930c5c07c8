// An operation's history as a store gives it back: any bytes as frames of events, folded into an
// Operation. The first of them is made to fit, so that more than the first line is reached.
#include <stdlib.h>

#include "backend/operations/longrunning_message.h"
#include "backend/operations/replay.h"
#include "mesh/operation/event.h"
#include "mesh/operation/labels.h"
#include "mesh/rpc/pack.h"
#include "tests/fuzz/target.h"

static void show(const Millrace__V1__Operation *message) {
  Google__Longrunning__Operation *standard = longrunning_message_of(message);
  mesh_bytes bytes = mesh_message_pack(&standard->base);
  free(bytes.data);
  google__longrunning__operation__free_unpacked(standard, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  Millrace__V1__Operation *message = operation_message_create();
  mesh_view one, frame = {data, size_bytes};
  size_t offset = 0;
  bool bad;
  mesh_error err;
  while (mesh_event_next(frame, &offset, &one, &bad)) {
    mesh_event event;
    if (mesh_event_decode(one, &event, &err) != GRPC_STATUS_OK) continue;
    event.sequence = message->last_sequence + 1;  // in order, whatever the bytes say
    uint8_t *bytes = malloc(mesh_event_bound(&event));
    if (bytes == NULL) abort();
    mesh_view back = {bytes, mesh_event_encode(&event, bytes, mesh_event_bound(&event))};
    mesh_code code = operation_replay_add(message, back, &err);
    free(bytes);
    if (code != GRPC_STATUS_OK) break;
    show(message);
  }
  operation_message_destroy(message);
  return 0;
}
