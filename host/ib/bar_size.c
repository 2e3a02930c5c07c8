#include "host/ib/bar_size.h"

#include <stddef.h>
#include <string.h>

typedef struct bar_size {
  const char *name;
  const char *alias;  // another name that gateways take, or NULL
} bar_size;

// By index in timeframes().
static const bar_size sizes[TIMEFRAMES] = {
    {"1 secs", NULL},  {"5 secs", NULL},  {"10 secs", NULL}, {"15 secs", NULL}, {"30 secs", NULL},
    {"1 min", NULL},   {"2 mins", NULL},  {"3 mins", NULL},  {"5 mins", NULL},  {"10 mins", NULL},
    {"15 mins", NULL}, {"20 mins", NULL}, {"30 mins", NULL}, {"1 hour", NULL},  {"2 hours", NULL},
    {"3 hours", NULL}, {"4 hours", NULL}, {"8 hours", NULL}, {"1 day", NULL},   {"1W", "1 week"},
    {"1M", "1 month"},
};

const char *ib_bar_size(const timeframe *frame) {
  return sizes[frame - timeframes()].name;
}

const timeframe *ib_timeframe_of(const char *text) {
  for (size_t i = 0; i < TIMEFRAMES; i++) {
    if (strcmp(sizes[i].name, text) == 0) return &timeframes()[i];
    if (sizes[i].alias != NULL && strcmp(sizes[i].alias, text) == 0) return &timeframes()[i];
  }
  return NULL;
}
