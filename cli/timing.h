// timing: where the time of an operation's events went, layer by layer. Pure, but for what it
// prints.
#ifndef MILLRACE_CLI_TIMING_H
#define MILLRACE_CLI_TIMING_H

#include <stdio.h>

#include "mesh/operation/event.h"

enum { TIMING_LAYERS_MAX = 12, TIMING_LAYER_MAX = 41 };

// What was measured at one layer, in nanoseconds. Samples grow without bound; the watch has an end.
typedef struct timing_layer {
  char name[TIMING_LAYER_MAX];
  int64_t *held, *travelled;  // owned: in the layer; on the way to it
  size_t count, capacity;
} timing_layer;

// Zero it first; release it with timing_clear().
typedef struct timing {
  timing_layer layers[TIMING_LAYERS_MAX];  // in the order in which events pass them
  size_t count;
} timing;

// Adds the hops of one event, in their order, and its arrival here at `now_ns` (wall clock). Prints
// a line to `out` unless it is NULL: "  IbHost 12 us | +30 us DataAdapter 5 us | +40 us here".
void timing_add(timing *all, const mesh_hop *hops, size_t count, int64_t now_ns, FILE *out);

// The table: events, p50, p99 and the longest of each layer, held and on the way, in microseconds.
void timing_print(const timing *all, FILE *out);

// Frees the samples; it can be used again.
void timing_clear(timing *all);

#endif
