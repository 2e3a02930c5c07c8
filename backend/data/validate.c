#include "backend/data/validate.h"

#include <math.h>
#include <stdio.h>

#include "market/times.h"
#include "mesh/runtime/text.h"

// Why a bar is refused: a text with up to two numbers; text NULL if it is right.
typedef struct flaw {
  const char *text;
  double left, right;
} flaw;

static flaw find_time_flaw(const bar_columns *bars, size_t i, const timeframe *frame,
                           interval asked, bool has_last, int64_t last_s) {
  int64_t time_s = bars->times[i];
  if (time_s < asked.from_s || time_s >= asked.to_s) return (flaw){"outside the request", 0, 0};
  if (!timeframe_on_grid(frame, time_s)) return (flaw){"off the grid of its timeframe", 0, 0};
  if (has_last && time_s == last_s) return (flaw){"the same time as the bar before", 0, 0};
  if (has_last && time_s < last_s) return (flaw){"earlier than the bar before", 0, 0};
  return (flaw){0};
}

static flaw find_price_flaw(const bar_columns *bars, size_t i) {
  double open = bars->open[i], high = bars->high[i], low = bars->low[i], close = bars->close[i];
  double volume = bars->volume[i];
  if (!isfinite(open) || !isfinite(high) || !isfinite(low) || !isfinite(close)) {
    return (flaw){"a price is not finite", 0, 0};
  }
  if (high < low) return (flaw){"high %.17g < low %.17g", high, low};
  if (high < open) return (flaw){"high %.17g < open %.17g", high, open};
  if (high < close) return (flaw){"high %.17g < close %.17g", high, close};
  if (low > open) return (flaw){"low %.17g > open %.17g", low, open};
  if (low > close) return (flaw){"low %.17g > close %.17g", low, close};
  if (volume < 0 || isinf(volume)) return (flaw){"volume %.17g", volume, 0};
  return (flaw){0};
}

static void name_flaw(const bar_columns *bars, size_t i, flaw found, char out[VALIDATE_TEXT_MAX]) {
  char time_text[TIMES_TEXT_MAX], what[VALIDATE_TEXT_MAX - TIMES_TEXT_MAX];
  times_format(bars->times[i], time_text);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(what, sizeof what, found.text, found.left, found.right);  // one of the texts above
#pragma GCC diagnostic pop
  mesh_text_format(out, VALIDATE_TEXT_MAX, "%.*s: %.*s", MESH_TEXT_SHOWN(time_text, 31),
                   MESH_TEXT_SHOWN(what, 120));
}

static void move_bar(bar_columns *bars, size_t to, size_t from) {
  bars->times[to] = bars->times[from];
  bars->open[to] = bars->open[from];
  bars->high[to] = bars->high[from];
  bars->low[to] = bars->low[from];
  bars->close[to] = bars->close[from];
  bars->volume[to] = bars->volume[from];
}

size_t bars_validate(bar_columns *bars, const timeframe *frame, interval asked,
                     char first_refused[VALIDATE_TEXT_MAX]) {
  size_t kept = 0, refused = 0;
  for (size_t i = 0; i < bars->count; i++) {
    flaw found =
        find_time_flaw(bars, i, frame, asked, kept > 0, kept > 0 ? bars->times[kept - 1] : 0);
    if (found.text == NULL) found = find_price_flaw(bars, i);
    if (found.text == NULL) {
      move_bar(bars, kept++, i);
    } else if (refused++ == 0) {
      name_flaw(bars, i, found, first_refused);
    }
  }
  bars->count = kept;
  return refused;
}
