#include "backend/data/time_text.h"

#include <stdio.h>
#include <time.h>

void time_format(int64_t seconds, char out[TIME_TEXT_MAX]) {
  time_t time = (time_t)seconds;
  struct tm utc;
  if (gmtime_r(&time, &utc) == NULL ||
      strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
    snprintf(out, TIME_TEXT_MAX, "%lld s", (long long)seconds);  // a year beyond struct tm
  }
}
