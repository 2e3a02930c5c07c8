// The safetensors reader: any bytes as a file.
#include <stdlib.h>

#include "host/training/model/tensors.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  tensors *read;
  mesh_error err;
  mesh_view file = {data, size_bytes};
  if (tensors_read(NULL, file, &read, &err) != GRPC_STATUS_OK) return 0;
  size_t count = tensors_count(read, "a");
  float *numbers = malloc(count * sizeof *numbers + 1);
  if (numbers == NULL) abort();
  (void)!tensors_get(read, "a", TENSOR_F32, count, numbers, &err);
  free(numbers);
  tensors_destroy(read);
  return 0;
}
