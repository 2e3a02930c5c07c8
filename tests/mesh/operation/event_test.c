// The event envelope, against another library's idea of it, and cut or changed at every byte.
#include "mesh/operation/event.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/v1/operation.pb-c.h"
#include "tests/unit.h"

typedef struct row {
  const char *name;
  void (*run)(void);
} row;

static mesh_event sample(void) {
  return (mesh_event){.operation = {(const uint8_t *)"load-1", 6},
                      .epoch = 3,
                      .sequence = 41,
                      .event_class = MESH_MERGEABLE,
                      .time_ns = INT64_C(1700000000123456789),
                      .replaced = 7,
                      .payload = MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS,
                      .body = {(const uint8_t *)"\x08\x05", 2}};  // Progress { done: 5 }
}

static size_t encode(const mesh_event *event, uint8_t out[256]) {
  assert_true(mesh_event_bound(event) <= 256);
  return mesh_event_encode(event, out, 256);
}

static void another_library_reads_it(void) {
  uint8_t bytes[256];
  mesh_event event = sample();
  size_t size = encode(&event, bytes);
  Millrace__V1__OperationEvent *got = millrace__v1__operation_event__unpack(NULL, size, bytes);
  assert_non_null(got);
  assert_string_equal(got->operation, "load-1");
  assert_int_equal(got->epoch, 3);
  assert_int_equal(got->sequence, 41);
  assert_int_equal(got->event_class, MILLRACE__V1__OPERATION_EVENT__CLASS__MERGEABLE);
  assert_int_equal(got->time->seconds, 1700000000);
  assert_int_equal(got->time->nanos, 123456789);
  assert_int_equal(got->replaced, 7);
  assert_int_equal(got->payload_case, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS);
  assert_int_equal(got->progress->done, 5);
  millrace__v1__operation_event__free_unpacked(got, NULL);
}

static void what_is_written_is_read(void) {
  uint8_t bytes[256];
  mesh_event event = sample(), got;
  event.time_ns = -1;  // before 1970
  mesh_view view = {bytes, encode(&event, bytes)};
  assert_int_equal(mesh_event_decode(view, &got, NULL), GRPC_STATUS_OK);
  assert_int_equal(got.time_ns, -1);
  assert_int_equal(got.sequence, 41);
  assert_int_equal(got.body.size_bytes, 2);
  assert_true(got.body.data > bytes && got.body.data < bytes + view.size_bytes);  // in place
}

// What no clock shows is for ever, or long ago: never another time.
static void a_time_out_of_range_saturates(void) {
  static const struct {
    int64_t seconds;
    int32_t nanos;
    int64_t want_ns;
  } times[] = {{INT64_MAX, 0, INT64_MAX},
               {INT64_MAX, 999999999, INT64_MAX},
               {INT64_C(9223372037), 0, INT64_MAX},
               {INT64_C(9223372036), 854775806, INT64_MAX - 1},
               {INT64_MIN, 0, INT64_MIN},
               {INT64_C(-9223372037), 0, INT64_MIN},
               {-1, 999999999, -1}};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Millrace__V1__OperationEvent event = MILLRACE__V1__OPERATION_EVENT__INIT;
    uint8_t bytes[128];
    time.seconds = times[i].seconds;
    time.nanos = times[i].nanos;
    event.operation = (char *)"load-1";
    event.time = &time;
    mesh_view view = {bytes, millrace__v1__operation_event__pack(&event, bytes)};
    mesh_event got;
    assert_int_equal(mesh_event_decode(view, &got, NULL), GRPC_STATUS_OK);
    assert_true(got.time_ns == times[i].want_ns);
  }
}

static void unknown_fields_are_passed_over(void) {
  uint8_t bytes[300];
  mesh_event event = sample(), got;
  size_t size = encode(&event, bytes);
  static const uint8_t unknown[] = {0xc2, 0x3e, 2, 'h', 'i', 0xc8, 0x3e, 1};  // fields 1000, 1001
  memcpy(bytes + size, unknown, sizeof unknown);
  assert_int_equal(mesh_event_decode((mesh_view){bytes, size + sizeof unknown}, &got, NULL),
                   GRPC_STATUS_OK);
  assert_int_equal(got.sequence, 41);
}

static void every_cut_and_every_changed_byte_is_survived(void) {
  uint8_t bytes[256];
  mesh_event event = sample(), got;
  size_t size = encode(&event, bytes);
  for (size_t cut = 0; cut <= size; cut++) {
    for (int value = 0; value < 256; value += 5) {
      uint8_t *exact = malloc(cut + 1);  // so that the sanitizer sees a read behind it
      memcpy(exact, bytes, cut);
      if (cut > 0) exact[(size_t)value % cut] = (uint8_t)value;
      mesh_error err;
      mesh_code code = mesh_event_decode((mesh_view){exact, cut}, &got, &err);
      assert_true(code == GRPC_STATUS_OK || code == GRPC_STATUS_DATA_LOSS);
      free(exact);
    }
  }
}

// ---- batches ----

static size_t make_batch(uint8_t *out, int count) {
  size_t size = 0;
  for (int i = 1; i <= count; i++) {
    uint8_t bytes[256];
    mesh_event event = sample();
    event.sequence = i;
    size_t length = encode(&event, bytes);
    out[size++] = 0xfa;  // field 31, length-delimited
    out[size++] = 0x01;
    out[size++] = (uint8_t)length;
    memcpy(out + size, bytes, length);
    size += length;
  }
  return size;
}

static void a_batch_is_walked_in_order(void) {
  uint8_t bytes[1024];
  mesh_view one, frame = {bytes, make_batch(bytes, 5)};
  size_t offset = 0;
  int seen = 0;
  bool bad;
  assert_true(mesh_event_is_batch(frame));
  while (mesh_event_next(frame, &offset, &one, &bad)) {
    mesh_event event;
    assert_int_equal(mesh_event_decode(one, &event, NULL), GRPC_STATUS_OK);
    assert_int_equal(event.sequence, ++seen);
  }
  assert_false(bad);
  assert_int_equal(seen, 5);
}

static void another_library_reads_a_batch(void) {
  uint8_t bytes[1024];
  size_t size = make_batch(bytes, 3);
  Millrace__V1__OperationEvent *got = millrace__v1__operation_event__unpack(NULL, size, bytes);
  assert_non_null(got);
  assert_int_equal(got->n_batch, 3);
  assert_int_equal(got->batch[2]->sequence, 3);
  millrace__v1__operation_event__free_unpacked(got, NULL);
}

static void one_event_is_a_frame_of_one(void) {
  uint8_t bytes[256];
  mesh_event event = sample();
  mesh_view one, frame = {bytes, encode(&event, bytes)};
  size_t offset = 0;
  bool bad;
  assert_false(mesh_event_is_batch(frame));
  assert_true(mesh_event_next(frame, &offset, &one, &bad));
  assert_int_equal(one.size_bytes, frame.size_bytes);
  assert_false(mesh_event_next(frame, &offset, &one, &bad));
  assert_false(bad);
}

static void a_batch_cut_short_is_bad(void) {
  uint8_t bytes[1024];
  size_t size = make_batch(bytes, 2);
  for (size_t cut = 1; cut < size; cut++) {
    uint8_t *exact = malloc(cut);
    memcpy(exact, bytes, cut);
    mesh_view one, frame = {exact, cut};
    size_t offset = 0;
    int seen = 0;
    bool bad = false;
    while (mesh_event_next(frame, &offset, &one, &bad))
      seen++;
    assert_true(seen <= 2);
    assert_true(bad || cut == size / 2 || cut == 1);
    free(exact);
  }
}

static size_t add_hop(uint8_t *bytes, const char *layer, int64_t received_ns, int64_t sent_ns) {
  mesh_hop hop = {{(const uint8_t *)layer, strlen(layer)}, received_ns, sent_ns};
  return mesh_event_encode_hop(&hop, bytes);
}

static void check_two_hops(mesh_view frame) {
  mesh_hop hop;
  size_t offset = 0;
  assert_true(mesh_event_next_hop(frame, &offset, &hop));
  assert_memory_equal(hop.layer.data, "IbHost", 6);
  assert_int_equal(hop.received_ns, 5);
  assert_int_equal(hop.sent_ns, 9);
  assert_true(mesh_event_next_hop(frame, &offset, &hop));
  assert_memory_equal(hop.layer.data, "DataAdapter", 11);
  assert_false(mesh_event_next_hop(frame, &offset, &hop));
}

static void hops_are_appended_to_an_event(void) {
  uint8_t bytes[512];
  mesh_event event = sample(), got;
  size_t size = encode(&event, bytes);
  size += add_hop(bytes + size, "IbHost", 5, 9);
  size += add_hop(bytes + size, "DataAdapter", 10, 12);
  mesh_view one, frame = {bytes, size};
  check_two_hops(frame);
  size_t offset = 0;
  bool bad;
  assert_true(mesh_event_next(frame, &offset, &one, &bad));
  assert_int_equal(mesh_event_decode(one, &got, NULL), GRPC_STATUS_OK);
  assert_int_equal(got.sequence, 41);
  Millrace__V1__OperationEvent *read = millrace__v1__operation_event__unpack(NULL, size, bytes);
  assert_int_equal(read->n_hops, 2);
  assert_string_equal(read->hops[1]->layer, "DataAdapter");
  assert_int_equal(read->hops[1]->sent_ns, 12);
  millrace__v1__operation_event__free_unpacked(read, NULL);
}

static void hops_are_appended_to_a_batch(void) {
  uint8_t bytes[1024];
  size_t size = make_batch(bytes, 3), offset = 0;
  size += add_hop(bytes + size, "IbHost", 5, 9);
  size += add_hop(bytes + size, "DataAdapter", 10, 12);
  mesh_view one, frame = {bytes, size};
  check_two_hops(frame);
  int seen = 0;
  bool bad;
  while (mesh_event_next(frame, &offset, &one, &bad))
    seen++;
  assert_int_equal(seen, 3);
  assert_false(bad);
}

static void a_long_layer_is_cut(void) {
  uint8_t bytes[MESH_HOP_MAX];
  mesh_hop hop;
  size_t offset = 0;
  char layer[100];
  memset(layer, 'x', sizeof layer);
  layer[99] = '\0';
  mesh_view frame = {bytes, add_hop(bytes, layer, INT64_MAX, INT64_MAX)};
  assert_true(mesh_event_next_hop(frame, &offset, &hop));
  assert_int_equal(hop.layer.size_bytes, 40);
  assert_int_equal(hop.sent_ns, INT64_MAX);
}

static const row rows[] = {
    {"hops are appended to an event", hops_are_appended_to_an_event},
    {"hops are appended to a batch", hops_are_appended_to_a_batch},
    {"a long layer is cut", a_long_layer_is_cut},
    {"another library reads it", another_library_reads_it},
    {"what is written is read", what_is_written_is_read},
    {"a time out of range saturates", a_time_out_of_range_saturates},
    {"unknown fields are passed over", unknown_fields_are_passed_over},
    {"every cut and changed byte is survived", every_cut_and_every_changed_byte_is_survived},
    {"a batch is walked in order", a_batch_is_walked_in_order},
    {"another library reads a batch", another_library_reads_a_batch},
    {"one event is a frame of one", one_event_is_a_frame_of_one},
    {"a batch cut short is bad", a_batch_cut_short_is_bad},
};

static void check(void **state) {
  ((const row *)*state)->run();
}

int main(void) {
  RUN_ROWS("event", rows, check);
}
