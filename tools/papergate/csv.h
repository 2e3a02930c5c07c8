// pg_csv: reads a file of bars with the columns time_utc,open,high,low,close,volume.
#ifndef MILLRACE_TOOLS_PAPERGATE_CSV_H
#define MILLRACE_TOOLS_PAPERGATE_CSV_H

#include "market/timeframe.h"
#include "mesh/runtime/status.h"
#include "tools/papergate/bars.h"

// Reads the bars of `path` into `out` (empty before), which the caller releases in any case.
// The numbers are kept as they are, an open outside of low and high too: a gateway passes on what
// it has. Refused, with "FILE:LINE: what", are: another header, a line without six fields, a text
// that is no time or no finite number, a high below the low, times that do not increase, and a time
// of day in bars of a day or longer, which the wire could not carry.
MESH_NODISCARD mesh_code pg_csv_load(const char *path, const timeframe *size, pg_bars *out,
                                     mesh_error *err);

#endif
