#include "market/bar_columns.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/v1/bars.pb.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed columns are copied as they lie");

// Bytes: a column's tag and length; the mark of a bar that forms.
enum { COLUMNS = BAR_COLUMNS, WIDTH = BAR_VALUE_BYTES, COLUMN_HEAD = 11, MARK = 2 };

void bar_columns_clear(bar_columns *bars) {
  free(bars->times);
  *bars = (bar_columns){0};
}

// Column number 0..5 is field 1..6: times, open, high, low, close, volume.
static char *column(const bar_columns *bars, uint32_t index) {
  void *all[COLUMNS] = {bars->times, bars->open, bars->high, bars->low, bars->close, bars->volume};
  return all[index];
}

// One block for the six columns: `times` is its start.
void bar_columns_reserve(bar_columns *bars, size_t count) {
  if (count <= bars->capacity) return;
  size_t capacity = 2 * bars->capacity > count ? 2 * bars->capacity : count;
  char *block = capacity > SIZE_MAX / (COLUMNS * WIDTH) ? NULL : malloc(capacity * COLUMNS * WIDTH);
  if (block == NULL) abort();
  for (uint32_t i = 0; i < COLUMNS && bars->count > 0; i++) {
    memcpy(block + i * capacity * WIDTH, column(bars, i), bars->count * WIDTH);
  }
  free(bars->times);
  double *values = (double *)block;
  bars->times = (int64_t *)block;
  bars->open = values + capacity;
  bars->high = values + 2 * capacity;
  bars->low = values + 3 * capacity;
  bars->close = values + 4 * capacity;
  bars->volume = values + 5 * capacity;
  bars->capacity = capacity;
}

// Appends `count` values a column, from six places.
static void append(bar_columns *bars, const void *const from[COLUMNS], size_t count) {
  if (count == 0) return;
  bar_columns_reserve(bars, bars->count + count);
  for (uint32_t i = 0; i < COLUMNS; i++)
    memcpy(column(bars, i) + bars->count * WIDTH, from[i], count * WIDTH);
  bars->count += count;
}

void bar_columns_copy(bar_columns *to, const bar_columns *from, size_t first, size_t count) {
  const void *places[COLUMNS] = {NULL};
  for (uint32_t i = 0; i < COLUMNS && count > 0; i++)
    places[i] = column(from, i) + first * WIDTH;
  append(to, places, count);
}

// ---- decode ----

// The columns of a batch as views into it.
typedef struct batch_view {
  mesh_view columns[COLUMNS];
  bool forming;
} batch_view;

static mesh_code malformed(const char *what, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed BarBatch: %s", what);
}

static mesh_code find_column(pb_istream_t *stream, pb_wire_type_t type, mesh_view *out,
                             mesh_error *err) {
  uint32_t size;
  if (type != PB_WT_STRING) return malformed("a column is not packed", err);
  if (out->data != NULL) return malformed("a column is there twice", err);
  if (!pb_decode_varint32(stream, &size) || size > stream->bytes_left) {
    return malformed("a column is cut short", err);
  }
  *out = (mesh_view){stream->state, size};
  return pb_read(stream, NULL, size) ? GRPC_STATUS_OK : malformed(PB_GET_ERROR(stream), err);
}

static mesh_code find_field(pb_istream_t *stream, uint32_t tag, pb_wire_type_t type,
                            batch_view *out, mesh_error *err) {
  if (tag == 0) return malformed("a field has number 0", err);
  if (tag <= COLUMNS) return find_column(stream, type, &out->columns[tag - 1], err);
  uint64_t value;
  bool read = tag == millrace_v1_BarBatch_forming_tag && type == PB_WT_VARINT
                  ? pb_decode_varint(stream, &value)
                  : pb_skip_field(stream, type);
  if (!read) return malformed(PB_GET_ERROR(stream), err);
  if (tag == millrace_v1_BarBatch_forming_tag && type == PB_WT_VARINT) out->forming = value != 0;
  return GRPC_STATUS_OK;
}

static mesh_code find_columns(mesh_view batch, batch_view *out, mesh_error *err) {
  pb_istream_t stream = pb_istream_from_buffer(batch.data, batch.size_bytes);
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  *out = (batch_view){0};
  while (pb_decode_tag(&stream, &type, &tag, &end)) {
    mesh_code code = find_field(&stream, tag, type, out, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return end ? GRPC_STATUS_OK : malformed(PB_GET_ERROR(&stream), err);
}

mesh_code bar_columns_decode(bar_columns *bars, mesh_view batch, bool *forming, mesh_error *err) {
  batch_view found;
  const void *places[COLUMNS];
  mesh_code code = find_columns(batch, &found, err);
  if (code != GRPC_STATUS_OK) return code;
  size_t size_bytes = found.columns[0].size_bytes;
  for (int i = 0; i < COLUMNS; i++) {
    if (found.columns[i].size_bytes != size_bytes || size_bytes % WIDTH != 0) {
      return malformed("its columns differ in length", err);
    }
    places[i] = found.columns[i].data;
  }
  append(bars, places, size_bytes / WIDTH);
  if (forming != NULL) *forming = found.forming;
  return GRPC_STATUS_OK;
}

// ---- encode ----

size_t bar_columns_bound(size_t count) {
  return COLUMNS * (COLUMN_HEAD + count * WIDTH) + MARK;
}

size_t bar_columns_encode(const bar_columns *bars, size_t first, size_t count, bool forming,
                          uint8_t *out) {
  pb_ostream_t stream = pb_ostream_from_buffer(out, bar_columns_bound(count));
  bool ok = true;
  for (uint32_t i = 0; i < COLUMNS && count > 0; i++) {
    const pb_byte_t *values = (const pb_byte_t *)column(bars, i) + first * WIDTH;
    ok = ok && pb_encode_tag(&stream, PB_WT_STRING, millrace_v1_BarBatch_times_tag + i) &&
         pb_encode_string(&stream, values, count * WIDTH);
  }
  if (forming) {
    ok = ok && pb_encode_tag(&stream, PB_WT_VARINT, millrace_v1_BarBatch_forming_tag) &&
         pb_encode_varint(&stream, 1);
  }
  if (!ok) abort();  // the bound holds
  return stream.bytes_written;
}
