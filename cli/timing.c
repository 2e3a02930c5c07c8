#include "cli/timing.h"

#include <stdlib.h>
#include <string.h>

#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/wrap.h"
#include "mesh/runtime/time.h"

enum { LINE_INDENT = 6 };

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

static void write_hop(FILE *line, const mesh_hop *hop, bool first, int64_t travelled_ns) {
  if (!first) print_text(line, "| +%.0f us ", us(travelled_ns));
  print_text(line, "%.*s %.0f us ", (int)hop->layer.size_bytes, (const char *)hop->layer.data,
             us(mesh_time_between(hop->received_ns, hop->sent_ns)));
}

void timing_add(timing *all, const mesh_hop *hops, size_t count, int64_t now_ns, FILE *out) {
  if (count == 0) return;
  char *text = NULL;
  size_t size;
  FILE *line = open_memstream(&text, &size);
  if (line == NULL) abort();
  for (size_t i = 0; i < count; i++) {
    int64_t travelled_ns = i == 0 ? 0 : mesh_time_between(hops[i - 1].sent_ns, hops[i].received_ns);
    add_sample(all, hops[i].layer, travelled_ns,
               mesh_time_between(hops[i].received_ns, hops[i].sent_ns));
    write_hop(line, &hops[i], i == 0, travelled_ns);
  }
  int64_t last_ns = mesh_time_between(hops[count - 1].sent_ns, now_ns);
  add_sample(all, here, last_ns, 0);
  print_text(line, "| +%.0f us here", us(last_ns));
  if (fclose(line) != 0) abort();
  if (out != NULL) {
    print_text(out, "%*s", LINE_INDENT, "");
    wrap_write(out, output_columns_of(out), LINE_INDENT, LINE_INDENT, text);
  }
  free(text);
}

// ---- the table ----

static int by_value(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static void print_column(int64_t *samples, size_t count, FILE *out) {
  qsort(samples, count, sizeof *samples, by_value);
  print_text(out, "  %8.1f %8.1f %8.1f", us(samples[count / 2]), us(samples[count * 99 / 100]),
             us(samples[count - 1]));
}

void timing_print(const timing *all, FILE *out) {
  if (all->count == 0) return;
  print_text(out, "%-17s %6s  %26s  %26s\n", "LAYER", "EVENTS", "ON THE WAY p50 p99 max us",
             "HELD p50 p99 max us");
  for (size_t i = 0; i < all->count; i++) {
    const timing_layer *layer = &all->layers[i];
    print_text(out, "%-17s %6zu", layer->name, layer->count);
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
