#include "mesh/rpc/wire_text.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/pack.h"
#include "mesh/rpc/schema.h"
#include "millrace/v1/operation.pb-c.h"
#include "protos/descriptors.h"
#include "tests/unit.h"

#define TYPE "millrace.v1.CancelOperationRequest"

// The same message through protobuf-c's descriptors and through upb's.
static mesh_schema *schema;

static int load(void **state) {
  (void)state;
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  return mesh_schema_create(descriptors, &schema, NULL) != GRPC_STATUS_OK;
}

static int unload(void **state) {
  (void)state;
  mesh_schema_destroy(schema);
  return 0;
}

static void check_both(mesh_view message, const char *const *documents, const char *want) {
  mesh_wire_type types[2] = {
      mesh_wire_type_of(&millrace__v1__cancel_operation_request__descriptor)};
  assert_true(mesh_schema_wire_type(schema, TYPE, &types[1]));
  for (int i = 0; i < 2; i++) {
    mesh_error err = {0};
    mesh_code code = mesh_wire_check_text(types[i], message, documents, &err);
    assert_int_equal(code, want == NULL ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT);
    if (want != NULL) assert_string_equal(err.message, want);
  }
}

// ---- one string: requested_by, field 2 ----

typedef struct row {
  const char *name, *text;
  size_t size_bytes;
  const char *want;           // NULL: it is taken
  const char *want_document;  // as a document
} row;

#define BYTES(text) text, sizeof text - 1
#define BY "requested_by "

static const row rows[] = {
    {"nothing", BYTES(""), NULL, NULL},
    {"a line", BYTES("Zürich 策略 📈"), NULL, NULL},
    {"0xff", BYTES("a\xff\xfe"), BY "is no UTF-8 at byte 1", BY "is no UTF-8 at byte 1"},
    {"Latin-1", BYTES("M\xfcller"), BY "is no UTF-8 at byte 1", BY "is no UTF-8 at byte 1"},
    {"cut in a character", BYTES("ab\xc3"), BY "is no UTF-8 at byte 2", BY "is no UTF-8 at byte 2"},
    {"a NUL", BYTES("ab\0c"), BY "has a control character at byte 2",
     BY "has a control character at byte 2"},
    {"an escape", BYTES("\x1b[2J"), BY "has a control character at byte 0", NULL},
    {"lines", BYTES("a\nb\tc\r\n"), BY "has a control character at byte 1", NULL},
    {"turned round", BYTES("a\xe2\x80\xae"), BY "has a control character at byte 1", NULL},
};

static void check_row(void **state) {
  static const char *const documents[] = {TYPE ".name", TYPE ".requested_by", NULL};
  const row *one = *state;
  uint8_t bytes[64] = {2 << 3 | 2, (uint8_t)one->size_bytes};
  memcpy(bytes + 2, one->text, one->size_bytes);
  mesh_view message = {bytes, one->size_bytes + 2};
  check_both(message, NULL, one->want);
  check_both(message, documents, one->want_document);
}

static void a_line_has_a_bound_and_a_document_another(void **state) {
  (void)state;
  static const char *const documents[] = {TYPE ".requested_by", NULL};
  static uint8_t bytes[MESH_TEXT_DOCUMENT_MAX + 8];
  const struct {
    size_t size_bytes;
    const char *want, *want_document;
  } cases[] = {
      {MESH_TEXT_LINE_MAX, NULL, NULL},
      {MESH_TEXT_LINE_MAX + 1, BY "has more bytes than it may have, which is 4096", NULL},
      {MESH_TEXT_DOCUMENT_MAX, BY "has more bytes than it may have, which is 4096", NULL},
      {MESH_TEXT_DOCUMENT_MAX + 1, BY "has more bytes than it may have, which is 4096",
       BY "has more bytes than it may have, which is 1048576"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t at = 0, size = cases[i].size_bytes;
    bytes[at++] = 2 << 3 | 2;
    for (; size >= 0x80; size >>= 7)
      bytes[at++] = (uint8_t)(size | 0x80);
    bytes[at++] = (uint8_t)size;
    memset(bytes + at, 'x', cases[i].size_bytes);
    mesh_view message = {bytes, at + cases[i].size_bytes};
    check_both(message, NULL, cases[i].want);
    check_both(message, documents, cases[i].want_document);
  }
}

// ---- the message around it ----

static void malformed_bytes_are_no_message(void **state) {
  (void)state;
#define NONE "the bytes are no " TYPE ": a field is malformed"
  check_both((mesh_view){(const uint8_t *)"\x12\x05"
                                          "ab",
                         4},
             NULL, NONE);                                               // cut
  check_both((mesh_view){(const uint8_t *)"\x00\x01", 2}, NULL, NONE);  // number 0
  check_both((mesh_view){(const uint8_t *)"\x13\x14", 2}, NULL, NONE);  // a group
  check_both((mesh_view){(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, NULL,
             NONE);  // a long varint
  check_both((mesh_view){(const uint8_t *)"\x12\xff\xff\xff\xff\x0f", 6}, NULL, NONE);  // 4 GiB
  check_both((mesh_view){(const uint8_t *)"\xfa\x07\x02\xff\xfe", 5}, NULL, NULL);      // field 127
  check_both((mesh_view){(const uint8_t *)"\x10\xff\x01", 3}, NULL, NULL);  // 2, but as a number
}

static void the_place_is_named(void **state) {
  (void)state;
  static const uint8_t bytes[] = {32, 2, 18, 0, 34, 9, 10, 1, 'k', 18, 4, 'a', 0xff, 'b', 'c'};
  mesh_wire_type type = mesh_wire_type_of(&millrace__v1__start_options__descriptor);
  mesh_error err = {0};
  assert_int_equal(mesh_wire_check_text(type, (mesh_view){bytes + 4, sizeof bytes - 4}, NULL, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
  assert_string_equal(err.message, "labels.value is no UTF-8 at byte 1");
}

// ---- mending ----

static void damage_is_mended_where_it_stands(void **state) {
  (void)state;
  uint8_t bytes[] = {10, 3, 'n', 'a', 'm', 18, 6, 'M', 0xfc, 0xc3, 0xbc, 0xc3, 'z'};
  mesh_wire_type type = mesh_wire_type_of(&millrace__v1__cancel_operation_request__descriptor);
  assert_int_equal(mesh_wire_mend_text(type, bytes, sizeof bytes), 1);
  assert_memory_equal(bytes + 7, "M?\xc3\xbc?z", 6);
  assert_int_equal(mesh_wire_mend_text(type, bytes, sizeof bytes), 0);
}

// What is packed, and what is unpacked, has text that every protobuf library reads.
static void packing_and_unpacking_mend(void **state) {
  (void)state;
  char text[] = "M\xfcnchen";
  Millrace__V1__OperationEvent event = MILLRACE__V1__OPERATION_EVENT__INIT;
  Millrace__V1__Accepted accepted = MILLRACE__V1__ACCEPTED__INIT;
  Millrace__V1__Accepted__LabelsEntry entry = MILLRACE__V1__ACCEPTED__LABELS_ENTRY__INIT, *all;
  entry.key = "desk";
  entry.value = text;
  all = &entry;
  accepted.kind = text;
  accepted.n_labels = 1;
  accepted.labels = &all;
  event.payload_case = MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ACCEPTED;
  event.accepted = &accepted;

  uint8_t raw[200];
  size_t size_bytes = protobuf_c_message_pack(&event.base, raw);
  Millrace__V1__OperationEvent *got =
      mesh_message_unpack(&millrace__v1__operation_event__descriptor, raw, size_bytes);
  assert_non_null(got);
  assert_string_equal(got->accepted->kind, "M?nchen");
  assert_string_equal(got->accepted->labels[0]->value, "M?nchen");
  assert_string_equal(got->operation, "");
  millrace__v1__operation_event__free_unpacked(got, NULL);

  char *json;
  mesh_error err;
  const char *type = "millrace.v1.OperationEvent";
  assert_int_not_equal(mesh_schema_to_json(schema, type, (mesh_view){raw, size_bytes}, &json, &err),
                       GRPC_STATUS_OK);
  mesh_bytes packed = mesh_message_pack(&event.base);
  assert_int_equal(mesh_schema_to_json(schema, type, mesh_bytes_view(packed), &json, &err),
                   GRPC_STATUS_OK);
  assert_non_null(strstr(json, "\"kind\":\"M?nchen\""));
  free(json);
  free(packed.data);
  assert_true(mesh_message_pack_into(&event.base, raw, sizeof raw, &size_bytes));
  assert_int_equal(mesh_schema_to_json(schema, type, (mesh_view){raw, size_bytes}, &json, &err),
                   GRPC_STATUS_OK);
  free(json);
}

int main(void) {
  enum { ROWS = sizeof rows / sizeof *rows };
  struct CMUnitTest strings[ROWS];
  for (int i = 0; i < ROWS; i++) {
    strings[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = check_row, .initial_state = (void *)&rows[i]};
  }
  const struct CMUnitTest messages[] = {
      cmocka_unit_test(a_line_has_a_bound_and_a_document_another),
      cmocka_unit_test(malformed_bytes_are_no_message),
      cmocka_unit_test(the_place_is_named),
      cmocka_unit_test(damage_is_mended_where_it_stands),
      cmocka_unit_test(packing_and_unpacking_mend),
  };
  int failed = cmocka_run_group_tests_name("one string", strings, load, unload);
  return failed + cmocka_run_group_tests_name("messages", messages, load, unload);
}
