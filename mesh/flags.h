// mesh_flags: the command line of a program that takes long flags and no words.
#ifndef MILLRACE_MESH_FLAGS_H
#define MILLRACE_MESH_FLAGS_H

#include <getopt.h>

#include "mesh/status.h"

// Takes one flag: `flag` is its `val` in the table, `value` what was given (borrowed from argv),
// NULL if it takes none.
typedef mesh_code (*mesh_flags_take)(void *out, int flag, const char *value, mesh_error *err);

// Walks the command line with getopt_long(). INVALID_ARGUMENT names an unknown flag, a missing
// value, or a word.
MESH_NODISCARD mesh_code mesh_flags_parse(int argc, char **argv, const struct option *table,
                                          mesh_flags_take take, void *out, mesh_error *err);

#endif
