// The table of where the time went.
#include "cli/timing.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

static mesh_hop hop(const char *layer, int64_t received_us, int64_t sent_us) {
  return (mesh_hop){{(const uint8_t *)layer, strlen(layer)}, received_us * 1000, sent_us * 1000};
}

typedef struct text {
  char *data;
  size_t size;
  FILE *out;
} text;

static void text_open(text *own) {
  own->out = open_memstream(&own->data, &own->size);
  assert_non_null(own->out);
}

static void a_line_an_event(void **state) {
  (void)state;
  timing all = {0};
  text line;
  text_open(&line);
  mesh_hop hops[] = {hop("IbHost", 100, 112), hop("DataAdapter", 142, 147)};
  timing_add(&all, hops, 2, 187000, line.out);
  timing_add(&all, hops, 0, 187000, line.out);  // an event without hops has no line
  fclose(line.out);
  assert_string_equal(line.data, "      IbHost 12 us | +30 us DataAdapter 5 us | +40 us here\n");
  free(line.data);
  timing_clear(&all);
}

static void a_row_a_layer(void **state) {
  (void)state;
  timing all = {0};
  for (int64_t i = 1; i <= 100; i++) {
    mesh_hop hops[] = {hop("IbHost", 0, i), hop("DataAdapter", i + 10, i + 10 + 2 * i)};
    timing_add(&all, hops, 2, (3 * i + 15) * 1000, NULL);
  }
  text table;
  text_open(&table);
  timing_print(&all, table.out);
  fclose(table.out);
  assert_int_equal(all.count, 3);
  assert_non_null(strstr(table.data, "IbHost"));
  assert_non_null(strstr(table.data, "     51.0    100.0    100.0\n"));
  assert_non_null(
      strstr(table.data, "     10.0     10.0     10.0     102.0    200.0    200.0"));
  assert_non_null(
      strstr(table.data, "(here)               100       5.0      5.0      5.0"));
  free(table.data);
  timing_clear(&all);
}

static void no_more_layers_than_there_is_room_for(void **state) {
  (void)state;
  timing all = {0};
  for (int i = 0; i < 2 * TIMING_LAYERS_MAX; i++) {
    char name[24];
    snprintf(name, sizeof name, "layer-%d", i);
    mesh_hop one = hop(name, 0, 1);
    timing_add(&all, &one, 1, 2000, NULL);
  }
  assert_int_equal(all.count, TIMING_LAYERS_MAX);
  timing_clear(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_an_event),
      cmocka_unit_test(a_row_a_layer),
      cmocka_unit_test(no_more_layers_than_there_is_room_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
