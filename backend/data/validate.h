// validate: bars before they are stored. A bad bar is refused, counted and named.
#ifndef MILLRACE_BACKEND_DATA_VALIDATE_H
#define MILLRACE_BACKEND_DATA_VALIDATE_H

#include "market/bar_columns.h"
#include "market/interval.h"
#include "market/timeframe.h"

enum { VALIDATE_TEXT_MAX = 160 };  // bytes, with the NUL

// Keeps, in place and in order, the bars that are right: time in `asked`, on the grid and after the
// bar before; prices finite; high >= open, close, low; low <= open, close; volume NaN (unknown) or
// >= 0. Sets bars->count to what is left and returns how many were refused; names the first, as
// "2020-01-03T00:00:00Z: high 1 < open 2".
size_t bars_validate(bar_columns *bars, const timeframe *frame, interval asked,
                     char first_refused[VALIDATE_TEXT_MAX]);

#endif
