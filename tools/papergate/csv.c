#include "tools/papergate/csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/ib/wire.h"
#include "tools/papergate/times.h"

static const char header[] = "time_utc,open,high,low,close,volume";

enum { FIELDS = 6 };

// Where a reading stands: what its error messages name.
typedef struct place {
  const char *path;
  int line;
  mesh_error *err;
} place;

static mesh_code refuse(const place *at, const char *what, const char *text) {
  return mesh_fail(at->err, GRPC_STATUS_INVALID_ARGUMENT, "%s:%d: %s \"%.60s\"", at->path, at->line,
                   what, text);
}

// Cuts `line` at its commas; false unless there are exactly FIELDS fields.
static bool split(char *line, char *fields[FIELDS]) {
  int count = 0;
  for (char *at = line; at != NULL && count < FIELDS; count++) {
    fields[count] = at;
    at = strchr(at, ',');
    if (at != NULL) *at++ = '\0';
    if (at != NULL && count == FIELDS - 1) return false;
  }
  return count == FIELDS;
}

static mesh_code parse_bar(const place *at, char *line, const timeframe *size, pg_bar *out) {
  char shown[64];
  snprintf(shown, sizeof shown, "%s", line);
  char *fields[FIELDS];
  if (!split(line, fields)) return refuse(at, "not six fields:", shown);
  if (!pg_parse_iso(fields[0], &out->time)) return refuse(at, "not a UTC time:", fields[0]);
  if (timeframe_is_daily(size) && out->time != civil_floor(out->time, CIVIL_DAY)) {
    return refuse(at, "a bar of a day or longer starts at 00:00:00Z, not at", fields[0]);
  }
  double *const values[] = {&out->open, &out->high, &out->low, &out->close, &out->volume};
  for (int i = 1; i < FIELDS; i++) {
    if (!ib_parse_double(fields[i], values[i - 1]) || !isfinite(*values[i - 1])) {
      return refuse(at, "not a number:", fields[i]);
    }
  }
  if (out->high < out->low) return refuse(at, "the high is below the low:", shown);
  return GRPC_STATUS_OK;
}

static mesh_code add_line(const place *at, char *line, const timeframe *size, pg_bars *out) {
  if (at->line == 1) {
    return strcmp(line, header) == 0 ? GRPC_STATUS_OK
                                     : refuse(at,
                                              "the header must be time_utc,open,high,low,close,"
                                              "volume, not",
                                              line);
  }
  pg_bar bar;
  mesh_code code = parse_bar(at, line, size, &bar);
  if (code != GRPC_STATUS_OK) return code;
  if (out->count > 0 && bar.time <= out->items[out->count - 1].time) {
    return refuse(at, "not after the bar before it:", line);
  }
  if (!pg_bars_add(out, &bar)) {
    return mesh_fail(at->err, GRPC_STATUS_RESOURCE_EXHAUSTED, "%s: out of memory", at->path);
  }
  return GRPC_STATUS_OK;
}

mesh_code pg_csv_load(const char *path, const timeframe *size, pg_bars *out, mesh_error *err) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "%s: %s", path, strerror(errno));
  place at = {.path = path, .err = err};
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  mesh_code code = GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK && (length = getline(&line, &capacity, file)) >= 0) {
    at.line++;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
      line[--length] = '\0';
    }
    code = add_line(&at, line, size, out);
  }
  if (code == GRPC_STATUS_OK && ferror(file)) {
    code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
  }
  if (code == GRPC_STATUS_OK && at.line == 0) {
    at.line = 1;
    code = refuse(&at, "the file is empty; its header must be", header);
  }
  free(line);
  fclose(file);
  return code;
}
