// bar_batch: columns of bars as a BarBatch message, written with nanopb's streams: no message a
// bar, no allocation.
#ifndef MILLRACE_HOST_IB_BAR_BATCH_H
#define MILLRACE_HOST_IB_BAR_BATCH_H

#include "host/ib/codec.h"

// The most bytes that `count` bars take.
size_t ib_bar_batch_bound(size_t count);

// Encodes bars [first, first + count) into `out`, of at least ib_bar_batch_bound(count) bytes.
// Returns the size in bytes.
size_t ib_bar_batch_encode(const ib_bars *bars, size_t first, size_t count, bool forming,
                           uint8_t *out);

// Columns for `capacity` bars in one block, freed with ib_bars_free().
void ib_bars_allocate(ib_bars *bars, size_t capacity);
void ib_bars_free(ib_bars *bars);

// Adds bar `index` of `from` to the end; what has no columns yet may be zeros.
void ib_bars_append(ib_bars *bars, const ib_bars *from, size_t index);

#endif
