#include "host/training/model/tensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are copied as they lie");

enum { ARRAYS_MAX = 64, HEADER_MAX = 64 << 20, ALIGNMENT = 8 };

typedef struct array {
  const char *name;  // the header's, or the caller's
  tensor_type type;
  size_t rows, columns;
  const void *data;
} array;

struct tensors {
  json_t *header;  // of a file that was read
  json_t *notes;
  array arrays[ARRAYS_MAX];
  size_t count;
};

static const struct {
  const char *name;
  size_t size_bytes;
} types[] = {[TENSOR_F32] = {"F32", 4},
             [TENSOR_F64] = {"F64", 8},
             [TENSOR_I64] = {"I64", 8},
             [TENSOR_U64] = {"U64", 8}};

static size_t numbers_of(const array *one) {
  return one->rows * (one->columns > 0 ? one->columns : 1);
}

static size_t bytes_of(const array *one) {
  return numbers_of(one) * types[one->type].size_bytes;
}

// ---- writing ----

tensors *tensors_create(void) {
  tensors *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->notes = json_object();
  if (own->notes == NULL) abort();
  return own;
}

void tensors_destroy(tensors *own) {
  if (own == NULL) return;
  json_decref(own->notes);
  json_decref(own->header);
  free(own);
}

mesh_code tensors_note(tensors *own, const char *key, const char *text, mesh_error *err) {
  json_t *note = json_string(text);
  if (note == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "note '%s' is no UTF-8", key);
  }
  if (json_object_set_new(own->notes, key, note) != 0) abort();
  return GRPC_STATUS_OK;
}

void tensors_add(tensors *own, const char *name, tensor_type type, size_t rows, size_t columns,
                 const void *data) {
  if (own->count == ARRAYS_MAX) abort();
  own->arrays[own->count++] = (array){name, type, rows, columns, data};
}

static char *make_header(const tensors *own) {
  json_t *header = json_object();
  if (header == NULL || json_object_set(header, "__metadata__", own->notes) != 0) abort();
  size_t at = 0;
  for (size_t i = 0; i < own->count; i++) {
    const array *one = &own->arrays[i];
    json_t *shape = one->columns > 0
                        ? json_pack("[I,I]", (json_int_t)one->rows, (json_int_t)one->columns)
                        : json_pack("[I]", (json_int_t)one->rows);
    json_t *about = json_pack("{s:s,s:o,s:[I,I]}", "dtype", types[one->type].name, "shape", shape,
                              "data_offsets", (json_int_t)at, (json_int_t)(at + bytes_of(one)));
    if (about == NULL || json_object_set_new(header, one->name, about) != 0) abort();
    at += bytes_of(one);
  }
  char *text = json_dumps(header, JSON_COMPACT);
  json_decref(header);
  if (text == NULL) abort();
  return text;
}

void tensors_pack(const tensors *own, mesh_bytes *out) {
  char *header = make_header(own);
  size_t size = strlen(header), padded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, all = 0;
  for (size_t i = 0; i < own->count; i++)
    all += bytes_of(&own->arrays[i]);
  out->size_bytes = 8 + padded + all;
  out->data = malloc(out->size_bytes);
  if (out->data == NULL) abort();
  uint64_t padded_size = padded;
  memcpy(out->data, &padded_size, 8);
  memset(out->data + 8, ' ', padded);
  memcpy(out->data + 8, header, size);
  uint8_t *at = out->data + 8 + padded;
  for (size_t i = 0; i < own->count; i++) {
    if (bytes_of(&own->arrays[i]) > 0) memcpy(at, own->arrays[i].data, bytes_of(&own->arrays[i]));
    at += bytes_of(&own->arrays[i]);
  }
  free(header);
}

// ---- reading ----

static mesh_code malformed(const char *what, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "no safetensors file: %s", what);
}

static bool find_type(const char *name, tensor_type *out) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    *out = (tensor_type)i;
    if (strcmp(types[i].name, name) == 0) return true;
  }
  return false;
}

static mesh_code read_shape(const json_t *shape, array *out, mesh_error *err) {
  json_int_t sides[2] = {1, 0};
  size_t count = json_array_size(shape);
  if (count > 2) return malformed("an array of more than two dimensions", err);
  for (size_t i = 0; i < count; i++) {
    sides[i] = json_integer_value(json_array_get(shape, i));
    if (sides[i] < 0 || sides[i] > UINT32_MAX) return malformed("a shape is out of range", err);
  }
  out->rows = (size_t)sides[0];
  out->columns = (size_t)sides[1];
  return count == 2 && sides[1] == 0 ? malformed("a shape with a 0", err) : GRPC_STATUS_OK;
}

static mesh_code read_array(const char *name, const json_t *about, mesh_view data, array *out,
                            mesh_error *err) {
  const char *type = json_string_value(json_object_get(about, "dtype"));
  const json_t *offsets = json_object_get(about, "data_offsets");
  json_int_t from = json_integer_value(json_array_get(offsets, 0));
  json_int_t to = json_integer_value(json_array_get(offsets, 1));
  *out = (array){.name = name};
  if (type == NULL || !find_type(type, &out->type)) return malformed("an unknown dtype", err);
  mesh_code code = read_shape(json_object_get(about, "shape"), out, err);
  if (code != GRPC_STATUS_OK) return code;
  if (out->columns > 0 && out->rows > data.size_bytes / out->columns) {
    return malformed("a shape is larger than the file", err);
  }
  if (from < 0 || to < from || (size_t)to > data.size_bytes ||
      (size_t)(to - from) != bytes_of(out)) {
    return malformed("an array's offsets do not fit", err);
  }
  out->data = data.data + from;
  return GRPC_STATUS_OK;
}

static mesh_code read_header(tensors *own, mesh_view data, mesh_error *err) {
  const char *name;
  json_t *about;
  json_object_foreach(own->header, name, about) {
    if (strcmp(name, "__metadata__") == 0) {
      json_decref(own->notes);
      own->notes = json_incref(about);
      continue;
    }
    if (own->count == ARRAYS_MAX) return malformed("too many arrays", err);
    mesh_code code = read_array(name, about, data, &own->arrays[own->count++], err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

typedef struct reading {
  train_stop *stop;
  size_t done;
  mesh_view left;
} reading;

// Hands out the header a piece at a time, and ends it once it was asked to stop.
static size_t give_header(void *buffer, size_t capacity, void *arg) {
  reading *own = arg;
  size_t size = own->left.size_bytes < capacity ? own->left.size_bytes : capacity;
  if (!train_goes_on(own->stop, &own->done, size)) return (size_t)-1;
  if (size > 0) memcpy(buffer, own->left.data, size);
  own->left.data += size;
  own->left.size_bytes -= size;
  return size;
}

mesh_code tensors_read(train_stop *stop, mesh_view file, tensors **out, mesh_error *err) {
  uint64_t size = 0;
  *out = NULL;
  if (file.size_bytes >= 8) memcpy(&size, file.data, 8);
  if (file.size_bytes < 8 || size > HEADER_MAX || size > file.size_bytes - 8) {
    return malformed("its header is cut short", err);
  }
  tensors *own = tensors_create();
  json_error_t why;
  reading header = {.stop = stop, .left = {file.data + 8, size}};
  own->header = json_load_callback(give_header, &header, JSON_REJECT_DUPLICATES, &why);
  mesh_view data = {file.data + 8 + size, file.size_bytes - 8 - size};
  mesh_code code = json_is_object(own->header) ? read_header(own, data, err)
                                               : malformed("its header is no JSON object", err);
  if (code != GRPC_STATUS_OK && train_stopped(stop)) code = train_stop_check(stop, err);
  if (code == GRPC_STATUS_OK) {
    *out = own;
  } else {
    tensors_destroy(own);
  }
  return code;
}

const char *tensors_noted(const tensors *own, const char *key) {
  return json_string_value(json_object_get(own->notes, key));
}

static const array *find_array(const tensors *own, const char *name) {
  for (size_t i = 0; i < own->count; i++) {
    if (strcmp(own->arrays[i].name, name) == 0) return &own->arrays[i];
  }
  return NULL;
}

size_t tensors_count(const tensors *own, const char *name) {
  const array *found = find_array(own, name);
  return found == NULL ? 0 : numbers_of(found);
}

mesh_code tensors_get(const tensors *own, const char *name, tensor_type type, size_t count,
                      void *out, mesh_error *err) {
  const array *found = find_array(own, name);
  if (found == NULL || found->type != type || numbers_of(found) != count) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "array '%s': %zu numbers of %s, wanted %zu of %s",
                     name, found == NULL ? 0 : numbers_of(found),
                     found == NULL ? "nothing" : types[found->type].name, count, types[type].name);
  }
  if (count > 0) memcpy(out, found->data, bytes_of(found));
  return GRPC_STATUS_OK;
}
