// The bar batch decoder: any bytes as a BarBatch. What it takes can be written and reads the same.
#include <stdlib.h>
#include <string.h>

#include "market/bar_columns.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  bar_columns bars = {0}, again = {0};
  bool forming = false, still = false;
  mesh_error err;
  if (bar_columns_decode(&bars, (mesh_view){data, size_bytes}, &forming, &err) == GRPC_STATUS_OK) {
    uint8_t *bytes = malloc(bar_columns_bound(bars.count));
    if (bytes == NULL) abort();
    mesh_view back = {bytes, bar_columns_encode(&bars, 0, bars.count, forming, bytes)};
    if (bar_columns_decode(&again, back, &still, &err) != GRPC_STATUS_OK) abort();
    if (again.count != bars.count || still != forming) abort();
    size_t column_bytes = bars.count * sizeof *bars.times;
    if (bars.count > 0 && memcmp(bars.times, again.times, column_bytes) != 0) abort();
    if (bars.count > 0 && memcmp(bars.volume, again.volume, column_bytes) != 0) abort();
    free(bytes);
  } else if (err.message[0] == '\0') {
    abort();
  }
  bar_columns_clear(&bars);
  bar_columns_clear(&again);
  return 0;
}
