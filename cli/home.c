#include "cli/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh/runtime/text.h"

enum { SOCKET_PATH_MAX = 107, LONGEST_SOCKET = sizeof "/run/training-host.sock" - 1 };

static const char *set(const char *name) {
  const char *value = getenv(name);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

mesh_code home_find(const char *flag, char out[HOME_PATH_MAX], mesh_error *err) {
  char path[HOME_PATH_MAX] = "";
  if (flag != NULL) {
    snprintf(path, sizeof path, "%s", flag);
  } else if (set("MILLRACE_HOME") != NULL) {
    snprintf(path, sizeof path, "%s", set("MILLRACE_HOME"));
  } else if (set("XDG_STATE_HOME") != NULL) {
    snprintf(path, sizeof path, "%s/millrace", set("XDG_STATE_HOME"));
  } else if (set("HOME") != NULL) {
    snprintf(path, sizeof path, "%s/.local/state/millrace", set("HOME"));
  }
  if (path[0] == '\0') {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "no home: set MILLRACE_HOME, or give --home DIR");
  }
  if (mesh_text_valid_bytes(path, strlen(path)) < strlen(path)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "home %.*s is no UTF-8: the addresses of its sockets have to be",
                     MESH_TEXT_SHOWN(path, 100));
  }
  char here[HOME_PATH_MAX / 2] = "";
  if (path[0] != '/' && getcwd(here, sizeof here) == NULL) here[0] = '\0';
  int size = snprintf(out, HOME_PATH_MAX, "%s%s%.*s", here, path[0] == '/' ? "" : "/",
                      MESH_TEXT_SHOWN(path, 2000));
  if (size + LONGEST_SOCKET <= SOCKET_PATH_MAX) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "home %.*s... has %d bytes; a unix socket below it allows %d",
                   MESH_TEXT_SHOWN(out, 100), size, SOCKET_PATH_MAX - LONGEST_SOCKET);
}
