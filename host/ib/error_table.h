// error_table: what an IB error code means for the request it belongs to. Pure functions over a
// constant table; any thread.
#ifndef MILLRACE_HOST_IB_ERROR_TABLE_H
#define MILLRACE_HOST_IB_ERROR_TABLE_H

#include "mesh/runtime/status.h"

typedef enum ib_error_class {
  IB_INFORMATION,  // nothing to do
  IB_WARNING,      // the answer still comes: keep waiting
  IB_NO_DATA,      // final for this window, and no failure
  IB_CANCELLED,    // our own cancel, confirmed
  IB_PACING,       // asked too fast: wait, then again
  IB_RETRY,        // may work later
  IB_FATAL,        // this request never works
  IB_LOST,         // the gateway has lost its servers: 1100, 2110
  IB_RESTORED,     // and found them again: 1101 (subscriptions lost), 1102
  IB_DISCONNECT,   // the connection is of no more use
} ib_error_class;

// Classifies a code by its number, and 162, 322 and 420 by their text.
ib_error_class ib_error_classify(int code, const char *text);

// The error of a request, for a class that ends one: code, "IB error 200: text", reason and, where
// waiting helps, when to try again. `pacing_wait_ms` is how long a pacing violation lasts. Returns
// the code, never OK.
mesh_code ib_error_fill(int code, const char *text, int64_t pacing_wait_ms, mesh_error *err);

#endif
