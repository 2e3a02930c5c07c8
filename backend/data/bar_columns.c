#include "backend/data/bar_columns.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/v1/bars.pb.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed columns are copied as they lie");

enum { COLUMNS = 6, WIDTH = 8, COLUMN_HEAD = 11 };  // bytes: a value, and a column's tag and length

void bar_columns_clear(bar_columns *bars) {
  free(bars->times);
  *bars = (bar_columns){0};
}

// One block for the six columns: `times` is its start.
void bar_columns_reserve(bar_columns *bars, size_t count) {
  if (count <= bars->capacity) return;
  size_t capacity = 2 * bars->capacity > count ? 2 * bars->capacity : count;
  char *block = malloc(capacity * COLUMNS * WIDTH);
  if (block == NULL) abort();
  char *old[COLUMNS] = {(char *)bars->times, (char *)bars->open,  (char *)bars->high,
                        (char *)bars->low,   (char *)bars->close, (char *)bars->volume};
  for (int i = 0; i < COLUMNS && bars->count > 0; i++) {
    memcpy(block + (size_t)i * capacity * WIDTH, old[i], bars->count * WIDTH);
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

// Column number 0..5 is field 1..6: times, open, high, low, close, volume.
static void *column(const bar_columns *bars, uint32_t index) {
  void *all[COLUMNS] = {bars->times, bars->open, bars->high, bars->low, bars->close, bars->volume};
  return all[index];
}

static mesh_code malformed(const char *what, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed BarBatch: %s", what);
}

// Finds the columns of a batch as views into it.
static mesh_code find_columns(mesh_view batch, mesh_view found[COLUMNS], mesh_error *err) {
  pb_istream_t stream = pb_istream_from_buffer(batch.data, batch.size_bytes);
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  while (pb_decode_tag(&stream, &type, &tag, &end)) {
    if (type != PB_WT_STRING || tag > COLUMNS) {
      if (!pb_skip_field(&stream, type)) return malformed(PB_GET_ERROR(&stream), err);
      continue;
    }
    uint32_t size;
    if (!pb_decode_varint32(&stream, &size) || size > stream.bytes_left) {
      return malformed("a column is cut short", err);
    }
    found[tag - 1] = (mesh_view){stream.state, size};
    if (!pb_read(&stream, NULL, size)) return malformed(PB_GET_ERROR(&stream), err);
  }
  return end ? GRPC_STATUS_OK : malformed(PB_GET_ERROR(&stream), err);
}

mesh_code bar_columns_append(bar_columns *bars, mesh_view batch, mesh_error *err) {
  mesh_view found[COLUMNS] = {{0}};
  mesh_code code = find_columns(batch, found, err);
  if (code != GRPC_STATUS_OK) return code;
  for (int i = 0; i < COLUMNS; i++) {
    if (found[i].size_bytes != found[0].size_bytes || found[i].size_bytes % WIDTH != 0) {
      return malformed("its columns differ in length", err);
    }
  }
  size_t added = found[0].size_bytes / WIDTH;
  bar_columns_reserve(bars, bars->count + added);
  for (uint32_t i = 0; i < COLUMNS && added > 0; i++) {
    memcpy((char *)column(bars, i) + bars->count * WIDTH, found[i].data, added * WIDTH);
  }
  bars->count += added;
  return GRPC_STATUS_OK;
}

size_t bar_columns_bound(size_t count) {
  return COLUMNS * (COLUMN_HEAD + count * WIDTH);
}

size_t bar_columns_encode(const bar_columns *bars, size_t first, size_t count, uint8_t *out) {
  pb_ostream_t stream = pb_ostream_from_buffer(out, bar_columns_bound(count));
  for (uint32_t i = 0; i < COLUMNS && count > 0; i++) {
    const char *values = (const char *)column(bars, i) + first * WIDTH;
    if (!pb_encode_tag(&stream, PB_WT_STRING, millrace_v1_BarBatch_times_tag + i) ||
        !pb_encode_string(&stream, (const pb_byte_t *)values, count * WIDTH)) {
      abort();  // the bound holds
    }
  }
  return stream.bytes_written;
}
