#include "tools/papergate/faults.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

pg_fault pg_fault_of(const pg_options *options, int64_t request) {
  if (request == options->drop_reply) return PG_FAULT_DROP;
  if (request == options->pacing_error) return PG_FAULT_PACING;
  if (request == options->garbage_frame) return PG_FAULT_GARBAGE_FRAME;
  if (request == options->garbage_length) return PG_FAULT_GARBAGE_LENGTH;
  return PG_FAULT_NONE;
}

// Reads one item and returns what follows it; NULL if it is none.
static const char *parse_outage(const char *item, pg_outage *out) {
  int used = 0;
  *out = (pg_outage){0};
  if (sscanf(item, "%4" SCNd64 "@%9" SCNd64 "%n", &out->code, &out->request, &used) != 2) {
    return NULL;
  }
  const char *at = item + used;
  if (*at == '+') {
    if (sscanf(at, "+%9" SCNd64 "%n", &out->delay_ms, &used) != 1) return NULL;
    at += used;
  }
  bool valid = out->code >= 1100 && out->code <= 1102 && out->request > 0 && out->delay_ms >= 0;
  return valid && (*at == ',' || *at == '\0') ? at : NULL;
}

mesh_code pg_outages_parse(const char *list, pg_outage out[PG_OUTAGES_MAX], int *count,
                           mesh_error *err) {
  *count = 0;
  for (const char *at = list; at != NULL && *at != '\0';) {
    const char *end = *count < PG_OUTAGES_MAX ? parse_outage(at, &out[*count]) : NULL;
    if (end == NULL) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "--connectivity: \"%s\" is not CODE@N[+MS], at most %d of them", at,
                       PG_OUTAGES_MAX);
    }
    ++*count;
    at = *end == ',' ? end + 1 : end;
  }
  return GRPC_STATUS_OK;
}
