// mesh_bytes: bytes that somebody owns; the other side of mesh_view.
#ifndef MILLRACE_MESH_RUNTIME_BYTES_H
#define MILLRACE_MESH_RUNTIME_BYTES_H

#include "mesh/runtime/view.h"

typedef struct mesh_bytes {
  uint8_t *data;  // owned: free() it; NULL: never set
  size_t size_bytes;
} mesh_bytes;

// Copies `from`, freeing what was there. Zero `bytes` first. Never fails (out of memory aborts).
void mesh_bytes_set(mesh_bytes *bytes, mesh_view from);

// Appends `more`: the caller bounds the size. Zero `bytes` first. Never fails (out of memory
// aborts). There is always a NUL behind the last byte.
void mesh_bytes_append(mesh_bytes *bytes, mesh_view more);

static inline mesh_view mesh_bytes_view(mesh_bytes bytes) {
  return (mesh_view){bytes.data, bytes.size_bytes};
}

#endif
