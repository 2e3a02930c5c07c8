#include "mesh/program/heap.h"

#include <malloc.h>

// glibc gives each thread a heap of its own, and what was freed goes back only from the end of a
// heap: a large request that is taken apart into small blocks, and one block that stays behind
// them, are its size for ever. Few heaps; what is large, or at the end, goes back at once, and the
// rest (a heap's holes) when we look.
enum {
  HEAPS_MAX = 4,
  LARGE_BYTES = 1 << 20,
  // Kept at the end of each heap; malloc_trim() cuts the first one only. 128 KiB cost the IB host a
  // fifth of its CPU time in tests/bench:load, 512 KiB nothing that shows.
  END_BYTES = 512 << 10,
  LOOKS_SHARE = 100,  // one part in so many of the loop's time
};

void mesh_heap_bound(void) {
  mallopt(M_ARENA_MAX, HEAPS_MAX);
  mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
  mallopt(M_TRIM_THRESHOLD, END_BYTES);
}

// What is free counts pages that were given back, too: it tells only that something has changed.
static void give_back(mesh_heap *heap) {
  if (mallinfo2().fordblks == heap->free_bytes) return;
  malloc_trim(0);
  heap->free_bytes = mallinfo2().fordblks;
}

static void on_look(mesh_timer *timer) {
  mesh_heap *heap = MESH_CONTAINER_OF(timer, mesh_heap, look);
  int64_t begin_ns = mesh_now_ns();
  give_back(heap);
  int64_t now_ns = mesh_now_ns();
  int64_t wait_ns = (now_ns - begin_ns) * LOOKS_SHARE;
  if (wait_ns < heap->every_ns) wait_ns = heap->every_ns;
  mesh_timer_start(heap->loop, &heap->look, now_ns + wait_ns);
}

void mesh_heap_start(mesh_heap *heap, mesh_loop *loop, int64_t every_ms) {
  *heap = (mesh_heap){.loop = loop, .every_ns = mesh_ms_ns(every_ms)};
  mesh_timer_init(&heap->look, on_look);
  mesh_timer_start(loop, &heap->look, mesh_now_ns() + heap->every_ns);
}

void mesh_heap_stop(mesh_heap *heap) {
  mesh_timer_stop(&heap->look);
}
