// mesh_program_options: what the command lines of the servers have in common, and what each program
// does with it before it begins. Main thread, before any other.
#ifndef MILLRACE_MESH_PROGRAM_OPTIONS_H
#define MILLRACE_MESH_PROGRAM_OPTIONS_H

#include <stdio.h>

#include "mesh/program/flags.h"
#include "mesh/rpc/limits.h"
#include "mesh/runtime/log.h"

enum { MESH_PROGRAM_FLAGS = 8 };  // that are common

typedef struct mesh_program_options {
  mesh_limits limits;
  mesh_log_level log_level;
  mesh_log_file log_file;
  bool log_json, exit_with_parent, help;
} mesh_program_options;

// Reads a command line of `flags` (at most MESH_FLAGS_MAX - MESH_PROGRAM_FLAGS) and of the common
// ones, whose values, or defaults, *common gets. Fails as mesh_flags_parse().
MESH_NODISCARD mesh_code mesh_program_options_parse(int argc, char **argv, const mesh_flag *flags,
                                                    int count, mesh_program_options *common,
                                                    mesh_error *err);

// Prints the help's lines about the common flags; what they do begins `column` columns behind where
// they do.
void mesh_program_options_help(FILE *out, int column);

// Log, umask, signals, descriptors, and the end of the parent: as the options say.
void mesh_program_prepare(const char *name, const mesh_program_options *common);

#endif
