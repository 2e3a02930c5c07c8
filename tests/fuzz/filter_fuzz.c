// The filter of a list request: any text. What it takes holds what it says.
#include <stdlib.h>
#include <string.h>

#include "backend/operations/filter.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  char *text = strndup((const char *)data, size_bytes);
  if (text == NULL) abort();
  operation_filter filter;
  mesh_error err;
  mesh_code code = operation_filter_parse(&filter, text, &err);
  if (code != GRPC_STATUS_OK && err.message[0] == '\0') abort();
  if (code == GRPC_STATUS_OK && filter.kind != NULL && filter.filter.kind != filter.kind) abort();
  operation_filter_fini(&filter);
  free(text);
  return 0;
}
