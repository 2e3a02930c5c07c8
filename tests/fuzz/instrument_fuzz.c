// What people and gateways call an instrument: its normal form is read as the same one, and again
// as itself; it is never longer than what it was made from.

#include <string.h>

#include "market/instrument.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char text[200], normal[200];
  instrument one, again;
  mesh_error err;
  if (size >= sizeof text) size = sizeof text - 1;
  memcpy(text, data, size);
  text[size] = '\0';
  memcpy(normal, text, sizeof text);
  instrument_normalize(normal);
  if (strlen(normal) > strlen(text)) __builtin_trap();
  mesh_code code = instrument_parse(text, &one, &err);
  if (code != GRPC_STATUS_OK) {
    if (strcmp(normal, text) != 0) __builtin_trap();
    return 0;
  }
  if (instrument_parse(normal, &again, &err) != GRPC_STATUS_OK) __builtin_trap();
  if (memcmp(&one, &again, sizeof one) != 0) __builtin_trap();
  char twice[200];
  memcpy(twice, normal, sizeof normal);
  instrument_normalize(twice);
  if (strcmp(twice, normal) != 0) __builtin_trap();
  if (instrument_prices(normal)[0] == '\0' || instrument_session(normal)[0] == '\0') {
    __builtin_trap();
  }
  return 0;
}
