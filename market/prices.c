#include "market/prices.h"

#include <string.h>
#include <strings.h>

#include "mesh/runtime/text.h"

static const char *const kinds[] = {
    "TRADES",  "MIDPOINT",      "BID",       "ASK",
    "BID_ASK", "ADJUSTED_LAST", "AGGTRADES", "HISTORICAL_VOLATILITY"};
static const char *const sessions[] = {SESSION_REGULAR, SESSION_ALL};

static const char *find(const char *const *names, size_t count, const char *text) {
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(names[i], text) == 0) return names[i];
  }
  return NULL;
}

mesh_code prices_parse(const char *text, const char **out, mesh_error *err) {
  *out = find(kinds, sizeof kinds / sizeof *kinds, text);
  if (*out != NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "prices '%.*s': use TRADES, MIDPOINT, BID, ASK, BID_ASK, ADJUSTED_LAST, "
                   "AGGTRADES or HISTORICAL_VOLATILITY",
                   MESH_TEXT_SHOWN(text, 32));
}

mesh_code session_parse(const char *text, const char **out, mesh_error *err) {
  *out = find(sessions, sizeof sessions / sizeof *sessions, text);
  if (*out != NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "session '%.*s': use regular or all",
                   MESH_TEXT_SHOWN(text, 32));
}

bool prices_end_now(const char *prices) {
  return strcmp(prices, "ADJUSTED_LAST") == 0;
}
