// The command line of millrace-ib-host. Main thread, before any other.
#ifndef MILLRACE_HOST_IB_OPTIONS_H
#define MILLRACE_HOST_IB_OPTIONS_H

#include "host/ib/session.h"
#include "mesh/program/options.h"

enum { IB_LISTEN_MAX = 8 };

typedef struct ib_options {
  const char *listen[IB_LISTEN_MAX];  // addresses
  int listen_count;
  ib_session_options session;
  int64_t drain_limit_ms;
  mesh_program_options program;
} ib_options;

// Reads the command line; strings are borrowed from argv. INVALID_ARGUMENT names the flag.
MESH_NODISCARD mesh_code ib_options_parse(int argc, char **argv, ib_options *out, mesh_error *err);

// Prints what the flags are.
void ib_options_help(void);

#endif
