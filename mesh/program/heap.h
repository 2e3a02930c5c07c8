// mesh_heap: what malloc() keeps of what a program has freed goes back to the system, so that its
// resident memory is what it uses, and not the sum of the busiest moments of all its parts.
#ifndef MILLRACE_MESH_PROGRAM_HEAP_H
#define MILLRACE_MESH_PROGRAM_HEAP_H

#include "mesh/runtime/loop.h"

enum { MESH_HEAP_EVERY_MS = 2000 };

// The caller's storage, from mesh_heap_start() to mesh_heap_stop().
typedef struct mesh_heap {
  mesh_loop *loop;
  mesh_timer look;
  int64_t every_ns;
  size_t free_bytes;  // that malloc() had after the last look
} mesh_heap;

// Bounds what malloc() keeps by itself. Before anything starts a thread.
void mesh_heap_bound(void);

// Looks every `every_ms`, on the loop's thread, whether the program has allocated or freed since,
// and gives the pages of what is free back. Rarer where that takes long: at most a hundredth of
// the loop's time. A program that does nothing is left alone.
void mesh_heap_start(mesh_heap *heap, mesh_loop *loop, int64_t every_ms);
void mesh_heap_stop(mesh_heap *heap);

#endif
