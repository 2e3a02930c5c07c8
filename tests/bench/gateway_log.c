#include "tests/bench/gateway_log.h"

#include <stdlib.h>
#include <string.h>

#include "tests/bench/child.h"

// The text right after `key` in `line`.
static const char *value_of(const char *line, const char *key) {
  const char *found = strstr(line, key);
  if (found == NULL) bench_die("papergate's log has a line without %s: %s", key, line);
  return found + strlen(key);
}

bool gateway_log_next(FILE *log, gateway_event *out) {
  char line[4096];
  long start = ftell(log);
  clearerr(log);
  if (fgets(line, sizeof line, log) == NULL || strchr(line, '\n') == NULL) {
    fseek(log, start, SEEK_SET);  // half a line: from its start the next time
    return false;
  }
  const char *name = value_of(line, "\"event\":\"");
  snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(name, "\""), name);
  out->unix_ns = strtoll(value_of(line, "\"unix_ns\":"), NULL, 10);
  return true;
}

bool gateway_log_find(FILE *log, const char *name, gateway_event *out) {
  while (gateway_log_next(log, out)) {
    if (strcmp(out->name, name) == 0) return true;
  }
  return false;
}
