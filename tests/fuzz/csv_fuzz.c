// A file of bars, as papergate reads it: any bytes. What it takes is in order.
#include <stdlib.h>

#include "tests/fuzz/file.h"
#include "tests/fuzz/target.h"
#include "tools/papergate/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  fuzz_file file;
  pg_bars bars = {0};
  mesh_error err;
  fuzz_file_open(&file, data, size_bytes);
  mesh_code code = pg_csv_load(file.path, timeframe_named("1h"), &bars, &err);
  if (code != GRPC_STATUS_OK && err.message[0] == '\0') abort();
  for (size_t i = 1; code == GRPC_STATUS_OK && i < bars.count; i++) {
    if (bars.items[i].time <= bars.items[i - 1].time) abort();
  }
  pg_bars_fini(&bars);
  fuzz_file_close(&file);
  return 0;
}
