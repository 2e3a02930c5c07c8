// The command line of millrace-backend.
#ifndef MILLRACE_BACKEND_OPTIONS_H
#define MILLRACE_BACKEND_OPTIONS_H

#include "mesh/program/options.h"
#include "mesh/runtime/status.h"

enum { BACKEND_LISTEN_MAX = 8, BACKEND_TRAINING_HOSTS_MAX = 8 };

typedef struct backend_options {
  const char *home;
  const char *listen[BACKEND_LISTEN_MAX];  // addresses
  int listen_count;
  const char *ib_host;                                     // address of the IB host
  const char *training_hosts[BACKEND_TRAINING_HOSTS_MAX];  // addresses
  int training_host_count;                                 // 0: no training
  const char *data_manager, *data_adapter;  // addresses of the next layers; NULL: in this process
  const char *training_manager, *training_adapter, *models_manager;
  const char *prices, *session;  // what bars are made of and their hours by default; NULL: by kind
  bool synchronous_full;
  int parallel;                        // segments of a load at a time
  int64_t busy_limit_s;                // how long a write waits for who else holds the store
  int64_t store_log_mib;               // see store_options
  int64_t keep_days, keep_operations;  // of ended operations; 0: no bound
  int64_t training_grace_s;            // of a training whose host, or whose backend, is away
  int64_t drain_limit_ms;
  int64_t operations, starts_per_s;  // that may run, and start; 0: no bound
  mesh_program_options program;
} backend_options;

// Reads the command line; strings are borrowed from argv. INVALID_ARGUMENT names the flag.
MESH_NODISCARD mesh_code backend_options_parse(int argc, char **argv, backend_options *out,
                                               mesh_error *err);

// Prints what the flags are.
void backend_options_help(void);

#endif
