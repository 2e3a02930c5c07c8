// time_text: UTC times as people write them: ISO 8601.
#ifndef MILLRACE_BACKEND_DATA_TIME_TEXT_H
#define MILLRACE_BACKEND_DATA_TIME_TEXT_H

#include "mesh/runtime/status.h"

enum { TIME_TEXT_MAX = 32 };  // bytes, with the NUL

// Writes seconds since 1970 as "2020-01-31T09:00:00Z".
void time_format(int64_t seconds, char out[TIME_TEXT_MAX]);

#endif
