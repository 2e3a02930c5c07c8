// The command line of millrace-training-host.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_OPTIONS_H
#define MILLRACE_HOST_TRAINING_SERVICE_OPTIONS_H

#include "host/training/service/host.h"
#include "mesh/program/options.h"

enum { TRAINING_LISTEN_MAX = 8 };

typedef struct training_options {
  const char *listen[TRAINING_LISTEN_MAX];  // borrowed from argv, as all text
  int listen_count;
  const char *backend, *home;
  int64_t slots, threads, memory_mib, gpu_memory_mib, cache_mib, drain_limit_ms;
  mesh_program_options program;
} training_options;

// INVALID_ARGUMENT names a bad flag.
MESH_NODISCARD mesh_code training_options_parse(int argc, char **argv, training_options *out,
                                                mesh_error *err);

// Prints what the flags are.
void training_options_help(void);

#endif
