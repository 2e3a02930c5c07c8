// Descriptors, JSON, and what reflection asks of them.
#include "mesh/rpc/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protos/descriptors.h"
#include "tests/unit.h"

typedef struct row {
  const char *name;
  void (*run)(mesh_schema *schema);
} row;

static void expect_json(mesh_schema *schema, const char *type, const char *json, const char *want) {
  uint8_t *bytes;
  size_t size;
  char *back;
  mesh_error err;
  assert_int_equal(mesh_schema_from_json(schema, type, json, &bytes, &size, &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_schema_to_json(schema, type, (mesh_view){bytes, size}, &back, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(back, want);
  free(bytes);
  free(back);
}

// Zero fields are there, those that know whether they were set only where they were.
static void json_goes_round(mesh_schema *schema) {
  static const char json[] =
      "{\"symbol\":\"EURUSD\",\"timeframe\":\"1h\",\"from\":\"2017-04-19T09:00:00Z\","
      "\"mode\":\"TAIL\",\"start\":{\"requestId\":\"r\",\"detached\":false,\"graceMs\":5,"
      "\"labels\":{},\"deadlineMs\":0,\"cancelTimeoutMs\":0},\"patienceMs\":0,\"source\":\"\","
      "\"prices\":\"\",\"session\":\"\",\"refresh\":false,\"dryRun\":false,\"dropMissing\":false}";
  expect_json(schema, "millrace.v1.LoadRequest", json, json);
}

// Numbers as far as every reader has them exactly, strings beyond.
static void whole_numbers_are_numbers_where_doubles_hold_them(mesh_schema *schema) {
  static const char *const pairs[][2] = {
      {"9007199254740991", "9007199254740991"},
      {"-9007199254740991", "-9007199254740991"},
      {"9007199254740992", "\"9007199254740992\""},
      {"\"9007199254740993\"", "\"9007199254740993\""},
      {"\"-9223372036854775808\"", "\"-9223372036854775808\""},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    char given[128], want[128];
    snprintf(given, sizeof given, "{\"name\":\"x\",\"limitMs\":%s}", pairs[i][0]);
    snprintf(want, sizeof want, "{\"name\":\"x\",\"limitMs\":%s}", pairs[i][1]);
    expect_json(schema, "millrace.v1.DrainRequest", given, want);
  }
}

static void wrong_json_is_refused_with_its_place(mesh_schema *schema) {
  static const char *const wrong[] = {"",
                                      "{",
                                      "{\"nope\":1}",
                                      "{\"symbol\":7}",
                                      "{\"mode",
                                      "{\"mode\":0x1}",
                                      "[]",
                                      "{\"symbol\":\"\xff\"}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    uint8_t *bytes;
    size_t size;
    mesh_error err;
    mesh_code code =
        mesh_schema_from_json(schema, "millrace.v1.LoadRequest", wrong[i], &bytes, &size, &err);
    if (code != GRPC_STATUS_INVALID_ARGUMENT) fail_msg("taken: %s", wrong[i]);
    assert_null(bytes);
    assert_non_null(strstr(err.message, "millrace.v1.LoadRequest"));
  }
}

static void wrong_bytes_are_refused(mesh_schema *schema) {
  static const uint8_t wrong[] = {0x0a, 0x7f, 'x'};
  char *json;
  mesh_error err;
  assert_int_equal(mesh_schema_to_json(schema, "millrace.v1.LoadRequest",
                                       (mesh_view){wrong, sizeof wrong}, &json, &err),
                   GRPC_STATUS_DATA_LOSS);
  assert_int_equal(mesh_schema_to_json(schema, "millrace.v1.Nope", (mesh_view){0}, &json, &err),
                   GRPC_STATUS_NOT_FOUND);
}

// A varint of 2^62, and one of -1.
#define FAR "\x80\x80\x80\x80\x80\x80\x80\x80\x40"
#define MINUS_ONE "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
#define BYTES(text) \
  { (const uint8_t *)(text), sizeof(text) - 1 }
#define STATUS(details) "{\"code\":0,\"message\":\"\",\"details\":[" details "]}"

static void what_decodes_is_shown(mesh_schema *schema) {
  static const struct {
    const char *type;
    mesh_view wire;
    const char *want;
  } shown[] = {
      {"google.protobuf.Timestamp", BYTES("\x08" FAR), "null"},
      {"google.protobuf.Timestamp", BYTES("\x10" MINUS_ONE), "null"},
      {"google.protobuf.Timestamp", BYTES("\x10\x80\x94\xeb\xdc\x03"), "null"},  // 10^9 ns
      {"google.protobuf.Timestamp", BYTES("\x08" MINUS_ONE), "\"1969-12-31T23:59:59Z\""},
      {"google.protobuf.Duration", BYTES("\x08" FAR), "null"},
      {"google.protobuf.Duration", BYTES("\x08\x01\x10" MINUS_ONE), "null"},
      {"google.protobuf.Duration", BYTES("\x10\x80\x94\xeb\xdc\x03"), "null"},
      {"google.protobuf.Duration", BYTES("\x08" MINUS_ONE), "\"-1s\""},
      {"google.protobuf.Duration", BYTES("\x10" MINUS_ONE), "\"-0.000000001s\""},
      {"google.rpc.Status", BYTES("\x1a\x09\x0a\x03x/y\x12\x02\x08\x01"),  // no type that we know
       STATUS("{\"@type\":\"x/y\",\"value\":\"CAE=\"}")},
      {"google.rpc.Status", BYTES("\x1a\x04\x12\x02\x08\x01"),
       STATUS("{\"@type\":\"\",\"value\":\"CAE=\"}")},
      {"google.rpc.Status", BYTES("\x1a\x0b\x0a\x09no-slash\""),
       STATUS("{\"@type\":\"no-slash\\\"\",\"value\":\"\"}")},
      {"google.rpc.Status", BYTES("\x1a\x1a\x0a\x13x/google.rpc.Status\x12\x03\xff\xff\xff"),
       STATUS("{\"@type\":\"x/google.rpc.Status\",\"value\":\"////\"}")},
      {"google.rpc.Status", BYTES("\x1a\x29\x0a\x1bx/google.protobuf.Timestamp\x12\x0a\x08" FAR),
       STATUS("{\"@type\":\"x/google.protobuf.Timestamp\",\"value\":null}")},
  };
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
    char *json;
    mesh_error err;
    mesh_code code = mesh_schema_to_json(schema, shown[i].type, shown[i].wire, &json, &err);
    if (code != GRPC_STATUS_OK) fail_msg("%zu: %s", i, err.message);
    assert_string_equal(json, shown[i].want);
    free(json);
  }
}

// Each level is held decoded while the one within it is: their number is what bounds the memory.
static void an_any_in_anys_is_bytes_from_the_fifth_on(mesh_schema *schema) {
  uint8_t wire[1024];
  size_t size = 0;
  for (int i = 0; i < 5; i++) {
    uint8_t outer[1024] = "\x1a\0\x0a\x13x/google.rpc.Status\x12";
    assert_true(size + 23 < 128);  // lengths of one byte
    outer[1] = (uint8_t)(size + 23);
    outer[24] = (uint8_t)size;
    memcpy(outer + 25, wire, size);
    size += 25;
    memcpy(wire, outer, size);
  }
  char *json;
  mesh_error err;
  assert_int_equal(
      mesh_schema_to_json(schema, "google.rpc.Status", (mesh_view){wire, size}, &json, &err),
      GRPC_STATUS_OK);
  int readable = 0;
  for (const char *at = json; (at = strstr(at, "\"details\":[{")) != NULL; at++)
    readable++;
  assert_int_equal(readable, 5);
  assert_non_null(strstr(json, "\"x/google.rpc.Status\",\"value\":\"\"}"));
  free(json);
}

static void methods_are_found_in_both_spellings(mesh_schema *schema) {
  static const char *const names[] = {"millrace.v1.DataService/Load",
                                      "millrace.v1.DataService.Load",
                                      "/millrace.v1.DataService/Load"};
  for (size_t i = 0; i < 3; i++) {
    mesh_method_info info;
    assert_int_equal(mesh_schema_method(schema, names[i], &info, NULL), GRPC_STATUS_OK);
    assert_string_equal(info.input_type, "millrace.v1.LoadRequest");
    assert_string_equal(info.output_type, "millrace.v1.OperationEvent");
    assert_true(info.streams_replies && !info.streams_requests);
  }
  mesh_error err;
  mesh_method_info info;
  assert_int_equal(mesh_schema_method(schema, "millrace.v1.DataService/Nope", &info, &err),
                   GRPC_STATUS_NOT_FOUND);
}

static void symbols_of_every_kind_have_a_file(mesh_schema *schema) {
  static const char *const symbols[][2] = {
      {"millrace.v1.DataService", "millrace/v1/data.proto"},
      {"millrace.v1.DataService.Load", "millrace/v1/data.proto"},
      {"millrace.v1.LoadRequest", "millrace/v1/data.proto"},
      {"millrace.v1.LoadRequest.symbol", "millrace/v1/data.proto"},
      {"millrace.v1.LoadRequest.Mode", "millrace/v1/data.proto"},
      {"millrace.v1.OperationEvent.payload", "millrace/v1/operation.proto"},
      {"millrace.v1.OperationState", "millrace/v1/operation.proto"},
      {"millrace.v1.RUNNING", "millrace/v1/operation.proto"},
      {"millrace.v1.LoadRequest.TAIL", "millrace/v1/data.proto"},
      {"google.rpc.Status", "google/rpc/status.proto"},
      {"grpc.health.v1.Health", "grpc/health/v1/health.proto"},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    const char *file = mesh_schema_file_of_symbol(schema, symbols[i][0]);
    if (file == NULL) fail_msg("no file of %s", symbols[i][0]);
    assert_string_equal(file, symbols[i][1]);
  }
  assert_null(mesh_schema_file_of_symbol(schema, "millrace.v1.Nope"));
  assert_null(mesh_schema_file_of_symbol(schema, "millrace.v1.LoadRequest.nope"));
  assert_null(mesh_schema_file_of_symbol(schema, "millrace.v1.DataService.Nope"));
  assert_null(mesh_schema_file_of_symbol(schema, "millrace.v1.DataService/Load"));
  assert_null(mesh_schema_file_of_symbol(schema, ""));
}

static void files_come_with_their_imports(mesh_schema *schema) {
  mesh_view bytes;
  assert_true(mesh_schema_file(schema, "millrace/v1/data.proto", &bytes));
  assert_true(bytes.size_bytes > 100);
  assert_false(mesh_schema_file(schema, "nope.proto", &bytes));
  assert_string_equal(mesh_schema_import(schema, "millrace/v1/data.proto", 0),
                      "google/protobuf/timestamp.proto");
  assert_null(mesh_schema_import(schema, "google/protobuf/timestamp.proto", 0));
}

static void there_are_no_extensions(mesh_schema *schema) {
  int32_t numbers[4];
  assert_int_equal(mesh_schema_extensions(schema, "millrace.v1.LoadRequest", numbers, 4), 0);
  assert_int_equal(mesh_schema_extensions(schema, "millrace.v1.Nope", numbers, 4), -1);
  assert_null(mesh_schema_file_of_extension(schema, "millrace.v1.LoadRequest", 1));
}

static void fields_are_told_with_their_kind(mesh_schema *schema) {
  mesh_field_info field;
  assert_true(mesh_schema_field(schema, "millrace.v1.Config", 1, &field));
  assert_string_equal(field.name, "output");
  assert_int_equal(field.kind, MESH_FIELD_CHOICE);
  assert_string_equal(field.type, "millrace.v1.Config.Output");
  assert_string_equal(mesh_schema_choice(schema, field.type, 2), "JSON");
  assert_null(mesh_schema_choice(schema, field.type, 3));
  assert_null(mesh_schema_choice(schema, "millrace.v1.Config", 0));
  assert_true(mesh_schema_field(schema, "millrace.v1.Config", 0, &field));
  assert_int_equal(field.kind, MESH_FIELD_TEXT);
  assert_null(field.type);
  assert_true(mesh_schema_field(schema, "millrace.v1.Config.Log", 1, &field));
  assert_int_equal(field.kind, MESH_FIELD_BOOL);
  assert_true(mesh_schema_field(schema, "millrace.v1.BarBatch", 0, &field));
  assert_int_equal(field.kind, MESH_FIELD_INTEGER);
  assert_true(field.list);
  assert_true(mesh_schema_field(schema, "millrace.v1.BarBatch", 1, &field));
  assert_int_equal(field.kind, MESH_FIELD_NUMBER);
  assert_true(mesh_schema_field(schema, "millrace.v1.Operation", 11, &field));
  assert_int_equal(field.kind, MESH_FIELD_OTHER);  // a map
  assert_true(mesh_schema_field(schema, "millrace.v1.Interval", 0, &field));
  assert_int_equal(field.kind, MESH_FIELD_MESSAGE);
  assert_string_equal(field.type, "google.protobuf.Timestamp");
  assert_false(mesh_schema_field(schema, "millrace.v1.Interval", 2, &field));
  assert_false(mesh_schema_field(schema, "millrace.v1.Nope", 0, &field));
}

static void whole_numbers_have_a_range(mesh_schema *schema) {
  mesh_field_info field;
  assert_true(mesh_schema_field(schema, "google.protobuf.Timestamp", 0, &field));
  assert_int_equal(field.kind, MESH_FIELD_INTEGER);
  assert_true(field.least == INT64_MIN && field.most == INT64_MAX);
  assert_true(mesh_schema_field(schema, "google.protobuf.Timestamp", 1, &field));
  assert_true(field.least == INT32_MIN && field.most == INT32_MAX);
}

static void what_is_no_descriptor_set_is_refused(mesh_schema *schema) {
  (void)schema;
  mesh_schema *none;
  mesh_error err;
  static const uint8_t garbage[] = {0x0a, 0xff, 0xff, 0xff};
  assert_int_equal(mesh_schema_create((mesh_view){garbage, sizeof garbage}, &none, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
  assert_null(none);
}

static const row rows[] = {
    {"JSON goes round", json_goes_round},
    {"whole numbers are numbers where doubles hold them",
     whole_numbers_are_numbers_where_doubles_hold_them},
    {"wrong JSON is refused, with its place", wrong_json_is_refused_with_its_place},
    {"wrong bytes are refused", wrong_bytes_are_refused},
    {"what decodes is shown", what_decodes_is_shown},
    {"an Any in Anys is bytes from the fifth on", an_any_in_anys_is_bytes_from_the_fifth_on},
    {"methods are found in both spellings", methods_are_found_in_both_spellings},
    {"symbols of every kind have a file", symbols_of_every_kind_have_a_file},
    {"files come with their imports", files_come_with_their_imports},
    {"there are no extensions", there_are_no_extensions},
    {"fields are told with their kind", fields_are_told_with_their_kind},
    {"whole numbers have a range", whole_numbers_have_a_range},
    {"what is no descriptor set is refused", what_is_no_descriptor_set_is_refused},
};

static void check(void **state) {
  mesh_schema *schema;
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &schema, NULL), GRPC_STATUS_OK);
  ((const row *)*state)->run(schema);
  mesh_schema_destroy(schema);
}

int main(void) {
  RUN_ROWS("schema", rows, check);
}
