#include "mesh/bytes.h"

#include <stdlib.h>
#include <string.h>

void mesh_bytes_set(mesh_bytes *bytes, mesh_view from) {
  uint8_t *copy = malloc(from.size_bytes + 1);
  if (copy == NULL) abort();
  if (from.size_bytes > 0) memcpy(copy, from.data, from.size_bytes);
  free(bytes->data);
  *bytes = (mesh_bytes){copy, from.size_bytes};
}
