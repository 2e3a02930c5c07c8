#include "cli/source.h"

#include <stdint.h>
#include <string.h>

#include "market/series_key.h"

char *source_read(const args *given) {
  const char *name = args_get(given, "source");
  return (char *)(uintptr_t)(name != NULL ? name : "");
}

const char *source_shown(const char *source) {
  if (strcmp(source, SERIES_SOURCE_PAPERGATE) == 0) return "simulated";
  return source[0] != '\0' ? source : "-";
}
