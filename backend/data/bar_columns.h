// bar_columns: bars as growing columns, and their way to and from a BarBatch message. The hot path:
// nanopb's streams and memcpy, no message a bar.
#ifndef MILLRACE_BACKEND_DATA_BAR_COLUMNS_H
#define MILLRACE_BACKEND_DATA_BAR_COLUMNS_H

#include "mesh/runtime/status.h"
#include "mesh/runtime/view.h"

// Columns of `count` bars each, oldest first; a bar's time is its start, in seconds since 1970.
// Zero it first.
typedef struct bar_columns {
  size_t count, capacity;
  int64_t *times;
  double *open, *high, *low, *close;
  double *volume;  // NaN where there is none
} bar_columns;

// Frees the columns; the struct can be used again.
void bar_columns_clear(bar_columns *bars);

// Makes room for `count` bars in all.
void bar_columns_reserve(bar_columns *bars, size_t count);

// Appends the bars of an encoded BarBatch. DATA_LOSS if it is malformed or its columns differ in
// length; then nothing was appended.
MESH_NODISCARD mesh_code bar_columns_append(bar_columns *bars, mesh_view batch, mesh_error *err);

// The most bytes that `count` bars take as a BarBatch.
size_t bar_columns_bound(size_t count);

// Encodes bars [first, first + count) as a BarBatch into `out`, of at least
// bar_columns_bound(count) bytes. Returns the size in bytes.
size_t bar_columns_encode(const bar_columns *bars, size_t first, size_t count, uint8_t *out);

#endif
