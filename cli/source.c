#include "cli/source.h"

#include <stdint.h>
#include <string.h>

#include "market/instrument.h"
#include "market/series_key.h"
#include "mesh/runtime/text.h"

static char *read_flag(const args *given, const char *flag) {
  const char *name = args_get(given, flag);
  return (char *)(uintptr_t)(name != NULL ? name : "");
}

char *source_read(const args *given) {
  return read_flag(given, "source");
}

char *prices_read(const args *given) {
  return read_flag(given, "prices");
}

char *session_read(const args *given) {
  return read_flag(given, "session");
}

void source_variant(const char *symbol, const char *prices, const char *session,
                    char out[VARIANT_TEXT_MAX]) {
  bool usual_prices = prices[0] == '\0' || strcmp(prices, instrument_prices(symbol)) == 0;
  bool usual_session = session[0] == '\0' || strcmp(session, instrument_session(symbol)) == 0;
  const char *comma = usual_prices || usual_session ? "" : ", ";
  mesh_text_format(out, VARIANT_TEXT_MAX, "%s%s%s%s", usual_prices ? "" : prices, comma,
                   usual_session ? "" : session, usual_session ? "" : " hours");
}

const char *source_shown(const char *source) {
  if (strcmp(source, SERIES_SOURCE_PAPERGATE) == 0) return "simulated";
  return source[0] != '\0' ? source : "-";
}
