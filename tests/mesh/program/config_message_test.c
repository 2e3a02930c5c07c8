// Messages that are no good list of settings, and the range of each kind of number: descriptors
// made here, because ours have none of these.
#include <stdio.h>
#include <string.h>

#include "mesh/program/config.h"
#include "tests/unit.h"

enum {
  TYPE_FLOAT = 2,
  TYPE_UINT64 = 4,
  TYPE_INT32 = 5,
  TYPE_STRING = 9,
  TYPE_MESSAGE = 11,
  TYPE_UINT32 = 13
};  // of FieldDescriptorProto

typedef struct field {
  const char *name;  // NULL ends a message
  int type;
  const char *message;  // ".t.B"
} field;

typedef struct bytes {
  uint8_t data[512];
  size_t size;
} bytes;

// A field of length-delimited bytes, below 128 fields and 16 KiB.
static void put(bytes *out, int number, const void *data, size_t size) {
  assert_true(out->size + size + 3 <= sizeof out->data);
  out->data[out->size++] = (uint8_t)(number << 3 | 2);
  out->data[out->size++] = (uint8_t)(size & 0x7f) | 0x80;
  out->data[out->size++] = (uint8_t)(size >> 7);
  memcpy(out->data + out->size, data, size);
  out->size += size;
}

static void put_text(bytes *out, int number, const char *text) {
  put(out, number, text, strlen(text));
}

static void put_number(bytes *out, int number, int value) {
  out->data[out->size++] = (uint8_t)(number << 3);
  out->data[out->size++] = (uint8_t)value;
}

static void put_message(bytes *file, const char *name, const field *fields) {
  bytes message = {.size = 0};
  put_text(&message, 1, name);
  for (int i = 0; i < 3 && fields[i].name != NULL; i++) {
    bytes one = {.size = 0};
    put_text(&one, 1, fields[i].name);
    put_number(&one, 3, i + 1);
    put_number(&one, 4, 1);  // LABEL_OPTIONAL
    put_number(&one, 5, fields[i].type);
    if (fields[i].message != NULL) put_text(&one, 6, fields[i].message);
    put(&message, 2, one.data, one.size);
  }
  put(file, 4, message.data, message.size);
}

typedef struct row {
  const char *name;
  field root[3], inner[3];  // messages t.A and t.B
  const char *error;        // NULL: it is a list of settings
  const char *path, *text;  // then this setting can be this...
  const char *beyond;       // ...and not this
} row;

static const row rows[] = {
    {"two settings with one variable",
     {{"a", TYPE_MESSAGE, ".t.B"}, {"a_x", TYPE_STRING, NULL}},
     {{"x", TYPE_STRING, NULL}},
     "settings a.x and a_x are both MILLRACE_A_X",
     NULL,
     NULL,
     NULL},
    {"a message in itself",
     {{"a", TYPE_MESSAGE, ".t.A"}},
     {{"x", TYPE_STRING, NULL}},
     "t.A.a cannot be a setting",
     NULL,
     NULL,
     NULL},
    {"a float", {{"f", TYPE_FLOAT, NULL}}, {{0}}, "t.A.f cannot be a setting", NULL, NULL, NULL},
    {"no fields", {{0}}, {{0}}, "no message t.A with settings", NULL, NULL, NULL},
    {"a section in a section",
     {{"a", TYPE_MESSAGE, ".t.B"}},
     {{"x", TYPE_INT32, NULL}},
     NULL,
     "a.x",
     "-2147483648",
     "-2147483649"},
    {"the end of uint32", {{"n", TYPE_UINT32, NULL}}, {{0}}, NULL, "n", "4294967295", "4294967296"},
    {"uint32 has no minus", {{"n", TYPE_UINT32, NULL}}, {{0}}, NULL, "n", "0", "-1"},
    {"uint64 ends where int64 does",
     {{"n", TYPE_UINT64, NULL}},
     {{0}},
     NULL,
     "n",
     "9223372036854775807",
     "9223372036854775808"},
};

static mesh_schema *make_schema(const row *one) {
  bytes file = {.size = 0}, set = {.size = 0};
  put_text(&file, 1, "t.proto");
  put_text(&file, 2, "t");
  put_message(&file, "A", one->root);
  put_message(&file, "B", one->inner);
  put_text(&file, 12, "proto3");
  put(&set, 1, file.data, file.size);
  mesh_schema *schema;
  mesh_error err;
  if (mesh_schema_create((mesh_view){set.data, set.size}, &schema, &err) != GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
  return schema;
}

static void check(void **state) {
  const row *one = *state;
  mesh_schema *schema = make_schema(one);
  mesh_config *config;
  mesh_error err;
  mesh_code code = mesh_config_create(schema, "t.A", NULL, 0, &config, &err);
  if (one->error != NULL) {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    assert_string_equal(err.message, one->error);
  } else {
    assert_int_equal(code, GRPC_STATUS_OK);
    assert_int_equal(mesh_config_set(config, one->path, one->text, "--n", &err), GRPC_STATUS_OK);
    char back[32];
    snprintf(back, sizeof back, "%lld", (long long)mesh_config_get_int(config, one->path));
    assert_string_equal(back, one->text);
    assert_int_equal(mesh_config_set(config, one->path, one->beyond, "--n", &err),
                     GRPC_STATUS_INVALID_ARGUMENT);
  }
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

int main(void) {
  RUN_ROWS("config messages", rows, check);
}
