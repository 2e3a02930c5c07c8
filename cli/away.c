#include "cli/away.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/up_home.h"
#include "mesh/rpc/link.h"
#include "mesh/rpc/listen.h"
#include "mesh/runtime/text.h"

bool away_is_of(const char *home, const char *address) {
  size_t size = strlen(home);
  return strncmp(address, "unix:", 5) == 0 && strncmp(address + 5, home, size) == 0 &&
         strcmp(address + 5 + size, "/run/backend.sock") == 0;
}

// ENOENT and ECONNREFUSED: nobody is there. 0: somebody listens.
static void describe_socket(const char *home, const char *address, const char *why,
                            char out[AWAY_TEXT_MAX]) {
  int pid, number = mesh_listen_probe(address + strlen("unix:"));
  bool ours = away_is_of(home, address) && up_home_is_taken(home, &pid);
  char mesh[64] = "";
  if (ours) snprintf(mesh, sizeof mesh, " (`millrace up`, pid %d, looks after it)", pid);
  if (number == 0 && strstr(why, MESH_LINK_TURNED_AWAY) != NULL) {
    mesh_text_format(out, AWAY_TEXT_MAX,
                     "the backend at %.*s turns callers away: too many connections "
                     "(limits.connections) or too few file descriptors, its log says which%s",
                     MESH_TEXT_SHOWN(address, 200), mesh);
  } else if (number == 0) {
    mesh_text_format(
        out, AWAY_TEXT_MAX,
        "the backend at %.*s is there but does not answer: it is stopped or overloaded%s",
        MESH_TEXT_SHOWN(address, 200), mesh);
  } else if (number != ENOENT && number != ECONNREFUSED) {
    mesh_text_format(out, AWAY_TEXT_MAX, "the backend at %.*s cannot be reached: %s",
                     MESH_TEXT_SHOWN(address, 200), strerror(number));
  } else if (ours) {
    mesh_text_format(
        out, AWAY_TEXT_MAX,
        "the backend at %.*s is away: the mesh (`millrace up`, pid %d) is starting it; "
        "%.*s/log/backend.log says how it goes",
        MESH_TEXT_SHOWN(address, 200), pid, MESH_TEXT_SHOWN(home, 200));
  } else {
    mesh_text_format(out, AWAY_TEXT_MAX, "no mesh is running at %.*s; start one with: millrace up",
                     MESH_TEXT_SHOWN(address, 200));
  }
}

void away_describe(const char *home, const char *address, const char *why,
                   char out[AWAY_TEXT_MAX]) {
  if (strncmp(address, "unix:", 5) == 0) {
    describe_socket(home, address, why, out);
  } else {
    mesh_text_format(out, AWAY_TEXT_MAX,
                     "%.*s; `millrace up --listen %.*s` would start a mesh there",
                     MESH_TEXT_SHOWN(why, 500), MESH_TEXT_SHOWN(address, 100));
  }
}
