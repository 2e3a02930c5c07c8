// bar_columns: bars as growing columns, and their way to and from a BarBatch message. The hot path:
// nanopb's streams and memcpy, no message a bar. Not thread-safe: one owner at a time.
#ifndef MILLRACE_MARKET_BAR_COLUMNS_H
#define MILLRACE_MARKET_BAR_COLUMNS_H

#include "mesh/runtime/status.h"
#include "mesh/runtime/view.h"

enum { BAR_COLUMNS = 6, BAR_VALUE_BYTES = 8 };

// Columns of `count` bars each, oldest first; a bar's time is its start, in seconds since 1970.
// Zero it first; the columns are one block that it owns, `capacity` bars long.
typedef struct bar_columns {
  size_t count, capacity;
  int64_t *times;
  double *open, *high, *low, *close;
  double *volume;  // NaN where there is none
} bar_columns;

// Frees the columns; the struct can be used again.
void bar_columns_clear(bar_columns *bars);

// Makes room for `count` bars in all; those that are there stay.
void bar_columns_reserve(bar_columns *bars, size_t count);

// Appends bars [first, first + count) of another.
void bar_columns_copy(bar_columns *to, const bar_columns *from, size_t first, size_t count);

// Appends the bars of an encoded BarBatch; *forming (may be NULL) says whether the last of them
// still forms. DATA_LOSS names what is malformed, a column that is not packed, is there twice or
// differs in length included; then nothing was appended.
MESH_NODISCARD mesh_code bar_columns_decode(bar_columns *bars, mesh_view batch, bool *forming,
                                            mesh_error *err);

// The most bytes that `count` bars take as a BarBatch.
size_t bar_columns_bound(size_t count);

// Encodes bars [first, first + count) as a BarBatch into `out`, of at least
// bar_columns_bound(count) bytes. Returns the size in bytes.
size_t bar_columns_encode(const bar_columns *bars, size_t first, size_t count, bool forming,
                          uint8_t *out);

#endif
