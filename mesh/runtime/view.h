// mesh_view: bytes that belong to somebody else.
#ifndef MILLRACE_MESH_RUNTIME_VIEW_H
#define MILLRACE_MESH_RUNTIME_VIEW_H

#include <stddef.h>
#include <stdint.h>

typedef struct mesh_view {
  const uint8_t *data;
  size_t size_bytes;
} mesh_view;

#endif
