// pg_options: the command line of papergate. Every flag, its default and its help are one table.
#ifndef MILLRACE_TOOLS_PAPERGATE_OPTIONS_H
#define MILLRACE_TOOLS_PAPERGATE_OPTIONS_H

#include <stdio.h>

#include "mesh/runtime/status.h"
#include "tools/papergate/series.h"

// Numbers of 0 mean "off" unless the help says otherwise. Texts are borrowed from argv.
typedef struct pg_options {
  bool help;
  int64_t port;
  int64_t listen_fd;  // a socket that listens already; 0: none
  const char *port_file;
  const char *market;
  const char *log;
  const char *accounts;
  bool exit_with_parent;

  int64_t now;  // seconds since 1970; 0: the clock of this machine
  int64_t clock_speed;
  int64_t seed;
  int64_t syn_start;  // seconds since 1970
  int64_t live_interval_ms;
  pg_hours rth;
  bool forex_volume;

  bool no_limits;
  int64_t max_clients;
  int64_t messages_per_second;
  int64_t requests_per_10_minutes;
  int64_t identical_seconds;
  int64_t same_contract_per_2_seconds;
  int64_t open_requests;
  int64_t max_bars;

  int64_t latency_ms;
  int64_t bars_per_second;
  int64_t disconnect_after;
  int64_t disconnect_times;
  int64_t drop_reply;
  int64_t pacing_error;
  int64_t garbage_frame;
  int64_t garbage_length;
  const char *connectivity;
  int64_t validation_code;
  bool one_byte_writes;
  bool refuse;
  bool hang;
} pg_options;

// Reads the command line. INVALID_ARGUMENT names the flag that is unknown, lacks its value or has a
// wrong one. --no-limits is already applied to the limits in *out.
MESH_NODISCARD mesh_code pg_options_parse(int argc, char **argv, pg_options *out, mesh_error *err);

// Writes what --help shows.
void pg_options_help(FILE *out);

#endif
