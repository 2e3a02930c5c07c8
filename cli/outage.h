// outage: one line for a piece of the mesh that is away, however many attempts meet it. Pure.
#ifndef MILLRACE_CLI_OUTAGE_H
#define MILLRACE_CLI_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "mesh/runtime/status.h"

enum { OUTAGE_TEXT_MAX = 256 };  // bytes, with the NUL

// The outage that was told last. Zero: none.
typedef struct outage {
  char who[OUTAGE_TEXT_MAX];
  int64_t told_ns;   // by the events' clock
  int64_t until_ns;  // who is met away before that is away still
} outage;

// True if `why` (its code, message and reason) says that a piece is away: a host that leaves or
// cannot be reached, a gateway. `who` is its name, and `text` the line: "ib-host restarts;
// waiting".
bool outage_read(const mesh_error *why, char who[OUTAGE_TEXT_MAX], char text[OUTAGE_TEXT_MAX]);

// An attempt met `who` away at `now_ns` and waits `wait_ms`: true if this is to be told, as an
// outage that has just begun, or that lasts: once a minute.
bool outage_is_news(outage *own, const char *who, int64_t now_ns, int64_t wait_ms);

#endif
