// What a request for data must be, for the service and the manager: each is usable alone.
#ifndef MILLRACE_BACKEND_DATA_CHECK_H
#define MILLRACE_BACKEND_DATA_CHECK_H

#include "google/protobuf/timestamp.pb-c.h"
#include "mesh/runtime/status.h"

enum { CHECK_SYMBOL_MAX = 63 };  // bytes

// INVALID_ARGUMENT names the field, what it is, and what would be right.
MESH_NODISCARD mesh_code check_series(const char *symbol, const char *timeframe, mesh_error *err);

// Both are times in the years 1 to 9999, `from` is before `to` and not in the future; NULL is unset
// and always right.
MESH_NODISCARD mesh_code check_window(const Google__Protobuf__Timestamp *from,
                                      const Google__Protobuf__Timestamp *to, mesh_error *err);

#endif
