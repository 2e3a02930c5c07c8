// What a peer says of a failure: any bytes as grpc-status-details-bin.
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/status_details.h"
#include "mesh/runtime/text.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  mesh_error err, sent;
  mesh_fail(&err, GRPC_STATUS_UNAVAILABLE, "a peer failed");
  mesh_error_decode_details(&err, data, size_bytes);
  if (err.retry_after_ms < 0) abort();
  if (memchr(err.reason, '\0', sizeof err.reason) == NULL) abort();
  if (memchr(err.domain, '\0', sizeof err.domain) == NULL) abort();
  if (err.details_size > sizeof err.details) abort();
  // And what is sent on in words of our own.
  sent = err;
  sent.details_size = 0;
  mesh_error_encode_details(&sent);
  mesh_error_prefix(&sent, "the layer above");
  mesh_error again = {.code = GRPC_STATUS_UNAVAILABLE};
  if (sent.details_size > 0) mesh_error_decode_details(&again, sent.details, sent.details_size);
  return 0;
}
