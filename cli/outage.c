#include "cli/outage.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"

enum { QUIET_MS = 10000, REMIND_MS = 60000 };

// "IbHost" as programs are named: "ib-host".
static void name_service(const char *name, size_t size, char out[OUTAGE_TEXT_MAX]) {
  size_t used = 0;
  for (size_t i = 0; i < size && used + 3 < OUTAGE_TEXT_MAX; i++) {
    unsigned char byte = (unsigned char)name[i];
    if (isupper(byte) && i > 0) out[used++] = '-';
    out[used++] = (char)tolower(byte);
  }
  out[used] = '\0';
}

// What stands between `begin`, with which the message starts, and `end`; false if it does not.
static bool take_between(const char *message, const char *begin, const char *end,
                         char out[OUTAGE_TEXT_MAX], const char **rest) {
  size_t size = strlen(begin);
  if (strncmp(message, begin, size) != 0) return false;
  const char *found = strstr(message + size, end);
  if (found == NULL || found - message - size >= OUTAGE_TEXT_MAX / 2) return false;
  snprintf(out, OUTAGE_TEXT_MAX, "%.*s", (int)(found - message - (ptrdiff_t)size), message + size);
  *rest = found + strlen(end);
  return true;
}

// "/millrace.v1.IbHost/FetchBars: this process is leaving"
static bool read_leaving(const char *message, char who[OUTAGE_TEXT_MAX]) {
  const char *slash = message[0] == '/' ? strchr(message + 1, '/') : NULL;
  if (slash == NULL) return false;
  const char *service = slash;
  while (service > message + 1 && service[-1] != '.')
    service--;
  name_service(service, (size_t)(slash - service), who);
  return true;
}

bool outage_read(const mesh_error *why, char who[OUTAGE_TEXT_MAX], char text[OUTAGE_TEXT_MAX]) {
  const char *rest;
  if (strcmp(why->reason, "DRAINING") == 0 && read_leaving(why->message, who)) {
    mesh_text_format(text, OUTAGE_TEXT_MAX, "%.*s restarts; waiting", MESH_TEXT_SHOWN(who, 200));
    return true;
  }
  if (strcmp(why->reason, "LINK_DOWN") == 0 &&
      take_between(why->message, "link ", " (", who, &rest)) {
    mesh_text_format(text, OUTAGE_TEXT_MAX, "%.*s is away; waiting", MESH_TEXT_SHOWN(who, 200));
    return true;
  }
  if (strcmp(why->reason, "GATEWAY_DOWN") == 0 &&
      take_between(why->message, "gateway ", ": ", who, &rest)) {
    mesh_text_format(text, OUTAGE_TEXT_MAX, "gateway %.*s is away (%.*s); waiting",
                     MESH_TEXT_SHOWN(who, 100), MESH_TEXT_SHOWN(rest, 100));
    return true;
  }
  return false;
}

bool outage_is_news(outage *own, const char *who, int64_t now_ns, int64_t wait_ms) {
  bool same = strcmp(own->who, who) == 0 && mesh_time_between(own->until_ns, now_ns) <= 0;
  bool lasts = same && mesh_time_between(own->told_ns, now_ns) >= mesh_ms_ns(REMIND_MS);
  snprintf(own->who, sizeof own->who, "%s", who);
  own->until_ns = mesh_time_after_ms(mesh_time_after_ms(now_ns, wait_ms), QUIET_MS);
  if (same && !lasts) return false;
  own->told_ns = now_ns;
  return true;
}
