#include "mesh/runtime/bytes.h"

#include <stdlib.h>
#include <string.h>

void mesh_bytes_set(mesh_bytes *bytes, mesh_view from) {
  uint8_t *copy = malloc(from.size_bytes + 1);
  if (copy == NULL) abort();
  if (from.size_bytes > 0) memcpy(copy, from.data, from.size_bytes);
  free(bytes->data);
  *bytes = (mesh_bytes){copy, from.size_bytes};
}

void mesh_bytes_append(mesh_bytes *bytes, mesh_view more) {
  bytes->data = realloc(bytes->data, bytes->size_bytes + more.size_bytes + 1);
  if (bytes->data == NULL) abort();
  if (more.size_bytes > 0) memcpy(bytes->data + bytes->size_bytes, more.data, more.size_bytes);
  bytes->size_bytes += more.size_bytes;
  bytes->data[bytes->size_bytes] = '\0';
}
