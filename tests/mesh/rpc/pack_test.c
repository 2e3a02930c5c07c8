// Messages to bytes and back: room that is too small stays as it is, and what would take much
// memory for few bytes is no message.
#include "mesh/rpc/pack.h"

#include <stdlib.h>
#include <string.h>

#include "google/rpc/status.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "tests/unit.h"

enum { MANY = 1 << 20 };

static Google__Rpc__Status status_of(char *text) {
  Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
  status.code = 5;
  status.message = text;
  return status;
}

static void a_message_comes_back(void **state) {
  (void)state;
  Google__Rpc__Status status = status_of("gone");
  mesh_bytes bytes = mesh_message_pack(&status.base);
  Google__Rpc__Status *back =
      mesh_message_unpack(&google__rpc__status__descriptor, bytes.data, bytes.size_bytes);
  assert_non_null(back);
  assert_int_equal(back->code, 5);
  assert_string_equal(back->message, "gone");
  google__rpc__status__free_unpacked(back, NULL);
  free(bytes.data);
}

static void room_that_is_too_small_is_left_alone(void **state) {
  (void)state;
  char text[300];
  memset(text, 'n', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  Google__Rpc__Status status = status_of(text);
  uint8_t room[64], untouched[sizeof room];
  memset(room, 7, sizeof room);
  memcpy(untouched, room, sizeof room);
  size_t size_bytes = 1;
  assert_false(mesh_message_pack_into(&status.base, room, sizeof room, &size_bytes));
  assert_int_equal(size_bytes, 0);
  assert_memory_equal(room, untouched, sizeof room);
  status.message = "short";
  assert_true(mesh_message_pack_into(&status.base, room, sizeof room, &size_bytes));
  assert_int_equal(size_bytes, 9);
}

typedef struct patience {
  int asked, most;  // it goes on for so many times
} patience;

static bool go_on(void *arg) {
  patience *own = arg;
  return ++own->asked <= own->most;
}

// Asked before each MiB; given up, nothing is left.
static void a_long_message_may_be_given_up(void **state) {
  (void)state;
  char *text = malloc(3 * MANY + 1);
  assert_non_null(text);
  memset(text, 'n', 3 * MANY);
  text[3 * MANY] = '\0';
  Google__Rpc__Status status = status_of(text);
  mesh_bytes whole = mesh_message_pack(&status.base), out;
  patience enough = {.most = 100}, little = {.most = 2};
  assert_true(mesh_message_pack_while(&status.base, go_on, &enough, &out));
  assert_int_equal(enough.asked, 4);
  assert_int_equal(out.size_bytes, whole.size_bytes);
  assert_memory_equal(out.data, whole.data, whole.size_bytes);
  free(out.data);
  assert_false(mesh_message_pack_while(&status.base, go_on, &little, &out));
  assert_int_equal(little.asked, 3);
  assert_null(out.data);
  free(whole.data);
  free(text);
}

// A Status of empty details: two bytes each on the wire, more than fifty in memory.
static void few_bytes_do_not_become_much_memory(void **state) {
  (void)state;
  uint8_t *bytes = malloc(2 * MANY);
  assert_non_null(bytes);
  for (size_t i = 0; i < MANY; i++) {
    bytes[2 * i] = 3 << 3 | 2;
    bytes[2 * i + 1] = 0;
  }
  assert_null(mesh_message_unpack(&google__rpc__status__descriptor, bytes, 2 * MANY));
  Google__Rpc__Status *few = mesh_message_unpack(&google__rpc__status__descriptor, bytes, 2000);
  assert_non_null(few);
  assert_int_equal(few->n_details, 1000);
  google__rpc__status__free_unpacked(few, NULL);
  free(bytes);
}

static void what_is_no_message_is_null(void **state) {
  (void)state;
  static const uint8_t cut[] = {2 << 3 | 2, 100, 'x'}, other[] = {0x02, 0x00};
  assert_null(mesh_message_unpack(&google__rpc__status__descriptor, cut, sizeof cut));
  assert_null(mesh_message_unpack(&google__rpc__status__descriptor, other, sizeof other));
  Google__Rpc__Status *empty = mesh_message_unpack(&google__rpc__status__descriptor, NULL, 0);
  assert_non_null(empty);
  google__rpc__status__free_unpacked(empty, NULL);
}

// One bad byte, wherever a message can hold a string: whoever packs it, and whoever unpacks what
// somebody else packed, has text that every protobuf library reads.
static void a_string_that_is_no_utf8_is_mended(void **state) {
  (void)state;
  static char bad[] = "M\xfcnchen", good[] = "M\xc3\xbcnchen";
  Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, *details[] = {&any};
  Google__Rpc__Status status = status_of(good);
  status.n_details = 1;
  status.details = details;
  for (int i = 0; i < 6; i++) {
    status.message = i % 3 == 1 ? bad : good;
    any.type_url = i % 3 == 2 ? bad : good;
    mesh_bytes bytes = mesh_message_pack(&status.base);
    if (i >= 3) protobuf_c_message_pack(&status.base, bytes.data);  // as somebody else does
    Google__Rpc__Status *back =
        mesh_message_unpack(&google__rpc__status__descriptor, bytes.data, bytes.size_bytes);
    assert_non_null(back);
    assert_string_equal(back->message, i % 3 == 1 ? "M?nchen" : good);
    assert_string_equal(back->details[0]->type_url, i % 3 == 2 ? "M?nchen" : good);
    google__rpc__status__free_unpacked(back, NULL);
    free(bytes.data);
  }
}

// Only the member of a oneof that is set is looked at: the others are numbers or nothing there.
static void a_oneof_is_read_by_its_case(void **state) {
  (void)state;
  Grpc__Reflection__V1__ServerReflectionRequest request =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  uint8_t bytes[16];
  request.message_request_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
  request.list_services = "*\xff";
  size_t size_bytes = protobuf_c_message_pack(&request.base, bytes);
  Grpc__Reflection__V1__ServerReflectionRequest *back = mesh_message_unpack(
      &grpc__reflection__v1__server_reflection_request__descriptor, bytes, size_bytes);
  assert_non_null(back);
  assert_string_equal(back->list_services, "*?");
  grpc__reflection__v1__server_reflection_request__free_unpacked(back, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_comes_back),
      cmocka_unit_test(room_that_is_too_small_is_left_alone),
      cmocka_unit_test(a_long_message_may_be_given_up),
      cmocka_unit_test(few_bytes_do_not_become_much_memory),
      cmocka_unit_test(what_is_no_message_is_null),
      cmocka_unit_test(a_string_that_is_no_utf8_is_mended),
      cmocka_unit_test(a_oneof_is_read_by_its_case),
  };
  return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
