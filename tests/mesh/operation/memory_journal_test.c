// What a host's journal keeps of one operation.
#include "mesh/operation/memory_journal.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

enum { EVENT_BYTES = 1 << 20, EVENTS = 50 };

typedef struct seen {
  int64_t first, last;
  size_t bytes;
} seen;

// Each is as large as the others, and begins with its number.
static void take(void *arg, int64_t sequence, mesh_view event) {
  seen *own = arg;
  if (own->first == 0) own->first = sequence;
  if (own->last != 0) assert_int_equal(sequence, own->last + 1);
  own->last = sequence;
  own->bytes += event.size_bytes;
  assert_int_equal(event.data[0], sequence);
}

static void write_event(const mesh_journal *table, int64_t sequence) {
  mesh_error err;
  uint8_t *bytes = calloc(1, EVENT_BYTES);
  bytes[0] = (uint8_t)sequence;
  mesh_operation_record record = {
      .name = "train-1", .kind = "train", .title = "", .epoch = 1, .last_sequence = sequence};
  mesh_view event = {bytes, EVENT_BYTES};
  mesh_code code = sequence == 1 ? table->create(table->self, &record, event, &err)
                                 : table->append(table->self, &record, event, &err);
  assert_int_equal(code, GRPC_STATUS_OK);
  free(bytes);
}

static seen read_after(const mesh_journal *table, int64_t after, int limit) {
  seen got = {0};
  int count = -1;
  mesh_error err;
  assert_int_equal(table->read(table->self, "train-1", after, limit, take, &got, &count, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(count, got.first == 0 ? 0 : got.last - got.first + 1);
  return got;
}

static void the_newest_events_are_kept(void **state) {
  (void)state;
  mesh_memory_journal *journal = mesh_memory_journal_create();
  const mesh_journal *table = mesh_memory_journal_table(journal);
  for (int64_t i = 1; i <= EVENTS; i++) {
    write_event(table, i);
    seen all = read_after(table, 0, EVENTS);
    assert_int_equal(all.last, i);
    assert_true(all.bytes <= MESH_MEMORY_EVENT_BYTES);
    assert_true(i > 16 || all.first == 1);  // as long as there is room, all of them
  }
  seen all = read_after(table, 0, EVENTS);
  assert_true(all.first > 1 && all.bytes >= MESH_MEMORY_EVENT_BYTES / 2);
  assert_int_equal(read_after(table, all.first - 2, 1).first, all.first);
  assert_int_equal(read_after(table, all.first, 1).first, all.first + 1);
  assert_int_equal(read_after(table, EVENTS - 1, 9).first, EVENTS);
  assert_int_equal(read_after(table, EVENTS, 9).first, 0);
  mesh_memory_journal_destroy(journal);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_newest_events_are_kept)};
  return cmocka_run_group_tests_name("memory_journal", tests, NULL, NULL);
}
