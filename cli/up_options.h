// The command line of `millrace up`.
#ifndef MILLRACE_CLI_UP_OPTIONS_H
#define MILLRACE_CLI_UP_OPTIONS_H

#include "mesh/status.h"

typedef struct up_options {
  const char *home;       // NULL: MILLRACE_HOME, or the XDG state directory
  const char *market;     // directory that papergate serves; NULL: its SYN series only
  const char *gateway;    // host:port of an IB Gateway; NULL: papergate
  const char *listen;     // a further address for the backend; NULL: none
  const char *log_level;  // NULL: info
  bool json, help;
} up_options;

// Flags first, then MILLRACE_PAPERGATE_MARKET, MILLRACE_GATEWAY_ADDRESS, MILLRACE_LOG_LEVEL.
// INVALID_ARGUMENT names the flag. Strings are borrowed.
MESH_NODISCARD mesh_code up_options_parse(int argc, char **argv, up_options *out, mesh_error *err);

// Prints what the flags are.
void up_options_help(void);

#endif
