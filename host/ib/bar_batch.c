#include "host/ib/bar_batch.h"

#include <pb_encode.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/v1/bars.pb.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed columns are copied as they lie");

enum { COLUMNS = 6, WIDTH = 8, COLUMN_HEAD = 11, FLAG_BYTES = 2 };

size_t ib_bar_batch_bound(size_t count) {
  return COLUMNS * (COLUMN_HEAD + count * WIDTH) + FLAG_BYTES;
}

size_t ib_bar_batch_encode(const ib_bars *bars, size_t first, size_t count, bool forming,
                           uint8_t *out) {
  const void *columns[COLUMNS] = {bars->times + first, bars->open + first,  bars->high + first,
                                  bars->low + first,   bars->close + first, bars->volume + first};
  pb_ostream_t stream = pb_ostream_from_buffer(out, ib_bar_batch_bound(count));
  bool ok = true;
  for (uint32_t i = 0; i < COLUMNS && count > 0; i++) {
    ok = ok && pb_encode_tag(&stream, PB_WT_STRING, millrace_v1_BarBatch_times_tag + i) &&
         pb_encode_string(&stream, columns[i], count * WIDTH);
  }
  if (forming) {
    ok = ok && pb_encode_tag(&stream, PB_WT_VARINT, millrace_v1_BarBatch_forming_tag) &&
         pb_encode_varint(&stream, 1);
  }
  if (!ok) abort();  // the bound holds
  return stream.bytes_written;
}

void ib_bars_allocate(ib_bars *bars, size_t capacity) {
  double *block = malloc(capacity * COLUMNS * WIDTH + WIDTH);
  if (block == NULL) abort();
  *bars = (ib_bars){.capacity = capacity,
                    .times = (int64_t *)block,
                    .open = block + capacity,
                    .high = block + 2 * capacity,
                    .low = block + 3 * capacity,
                    .close = block + 4 * capacity,
                    .volume = block + 5 * capacity};
}

void ib_bars_free(ib_bars *bars) {
  free(bars->times);
  *bars = (ib_bars){0};
}

static void copy_bars(ib_bars *to, const ib_bars *from, size_t first, size_t count) {
  int64_t *times = to->times + to->count;
  if (count > 0) memcpy(times, from->times + first, count * WIDTH);
  double *columns[] = {to->open, to->high, to->low, to->close, to->volume};
  const double *source[] = {from->open, from->high, from->low, from->close, from->volume};
  for (size_t i = 0; i < COLUMNS - 1 && count > 0; i++)
    memcpy(columns[i] + to->count, source[i] + first, count * WIDTH);
  to->count += count;
}

void ib_bars_append(ib_bars *bars, const ib_bars *from, size_t index) {
  if (bars->count == bars->capacity) {
    ib_bars larger;
    ib_bars_allocate(&larger, 2 * bars->capacity + 8);
    copy_bars(&larger, bars, 0, bars->count);
    ib_bars_free(bars);
    *bars = larger;
  }
  copy_bars(bars, from, index, 1);
}
