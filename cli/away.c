#include "cli/away.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/up_home.h"
#include "mesh/rpc/listen.h"

// ENOENT and ECONNREFUSED: nobody is there. 0: somebody listens.
static void describe_socket(const char *home, const char *address, char out[AWAY_TEXT_MAX]) {
  int pid, number = mesh_listen_probe(address + strlen("unix:"));
  bool ours = up_home_is_taken(home, &pid);
  char mesh[64] = "";
  if (ours) snprintf(mesh, sizeof mesh, " (`millrace up`, pid %d, looks after it)", pid);
  if (number == 0) {
    snprintf(out, AWAY_TEXT_MAX,
             "the backend at %.200s is there but does not answer: it is stopped or overloaded%s",
             address, mesh);
  } else if (number != ENOENT && number != ECONNREFUSED) {
    snprintf(out, AWAY_TEXT_MAX, "the backend at %.200s cannot be reached: %s", address,
             strerror(number));
  } else if (ours) {
    snprintf(out, AWAY_TEXT_MAX,
             "the backend at %.200s is away: the mesh (`millrace up`, pid %d) is starting it; "
             "%.200s/log/backend.log says how it goes",
             address, pid, home);
  } else {
    snprintf(out, AWAY_TEXT_MAX, "no mesh is running at %.200s; start one with: millrace up",
             address);
  }
}

void away_describe(const char *home, const char *address, const char *why,
                   char out[AWAY_TEXT_MAX]) {
  if (strncmp(address, "unix:", 5) == 0) {
    describe_socket(home, address, out);
  } else {
    snprintf(out, AWAY_TEXT_MAX, "%.500s; `millrace up --listen %.100s` would start a mesh there",
             why, address);
  }
}
