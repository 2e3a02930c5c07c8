#include "cli/timing.h"

#include <stdlib.h>
#include <string.h>

#include "cli/terminal/print.h"

static const mesh_view here = {(const uint8_t *)"(here)", 6};

static timing_layer *find_layer(timing *all, mesh_view name) {
  size_t size = name.size_bytes < TIMING_LAYER_MAX - 1 ? name.size_bytes : TIMING_LAYER_MAX - 1;
  for (size_t i = 0; i < all->count; i++) {
    const char *known = all->layers[i].name;
    if (strlen(known) == size && memcmp(known, name.data, size) == 0) return &all->layers[i];
  }
  if (all->count == TIMING_LAYERS_MAX) return NULL;
  timing_layer *added = &all->layers[all->count++];
  memcpy(added->name, name.data, size);
  return added;
}

static void add_sample(timing *all, mesh_view name, int64_t travelled_ns, int64_t held_ns) {
  timing_layer *layer = find_layer(all, name);
  if (layer == NULL) return;
  if (layer->count == layer->capacity) {
    layer->capacity = 2 * layer->capacity + 64;
    layer->held = realloc(layer->held, layer->capacity * sizeof *layer->held);
    layer->travelled = realloc(layer->travelled, layer->capacity * sizeof *layer->travelled);
    if (layer->held == NULL || layer->travelled == NULL) abort();
  }
  layer->held[layer->count] = held_ns;
  layer->travelled[layer->count++] = travelled_ns;
}

static double us(int64_t ns) {
  return (double)ns / 1e3;
}

void timing_add(timing *all, const mesh_hop *hops, size_t count, int64_t now_ns, FILE *out) {
  for (size_t i = 0; i < count; i++) {
    int64_t travelled_ns = i == 0 ? 0 : hops[i].received_ns - hops[i - 1].sent_ns;
    int64_t held_ns = hops[i].sent_ns - hops[i].received_ns;
    add_sample(all, hops[i].layer, travelled_ns, held_ns);
    if (out == NULL) continue;
    if (i > 0) print_text(out, " | +%.0f us", us(travelled_ns));
    print_text(out, "%s%.*s %.0f us", i == 0 ? "      " : " ", (int)hops[i].layer.size_bytes,
               (const char *)hops[i].layer.data, us(held_ns));
  }
  if (count == 0) return;
  int64_t last_ns = now_ns - hops[count - 1].sent_ns;
  add_sample(all, here, last_ns, 0);
  if (out != NULL) print_text(out, " | +%.0f us here\n", us(last_ns));
}

// ---- the table ----

static int by_value(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static void print_column(int64_t *samples, size_t count, FILE *out) {
  qsort(samples, count, sizeof *samples, by_value);
  print_text(out, "  %9.1f %9.1f %9.1f", us(samples[count / 2]), us(samples[count * 99 / 100]),
             us(samples[count - 1]));
}

void timing_print(const timing *all, FILE *out) {
  if (all->count == 0) return;
  print_text(out, "%-20s %7s  %29s  %29s\n", "LAYER", "EVENTS", "ON THE WAY p50, p99, max us",
             "HELD p50, p99, max us");
  for (size_t i = 0; i < all->count; i++) {
    const timing_layer *layer = &all->layers[i];
    print_text(out, "%-20s %7zu", layer->name, layer->count);
    print_column(layer->travelled, layer->count, out);
    print_column(layer->held, layer->count, out);
    print_text(out, "\n");
  }
}

void timing_clear(timing *all) {
  for (size_t i = 0; i < all->count; i++) {
    free(all->layers[i].held);
    free(all->layers[i].travelled);
  }
  *all = (timing){0};
}
