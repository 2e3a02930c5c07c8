// bar_size: timeframes in TWS's words. Pure functions over a constant table, for both ends of a TWS
// connection; any thread.
#ifndef MILLRACE_HOST_IB_BAR_SIZE_H
#define MILLRACE_HOST_IB_BAR_SIZE_H

#include "market/timeframe.h"

// "1 hour" for 1h, "1W" for 1w. Static.
const char *ib_bar_size(const timeframe *frame);

// The other way, with the aliases that gateways take ("1 week"); NULL if there is no such size.
const timeframe *ib_timeframe_of(const char *bar_size);

#endif
