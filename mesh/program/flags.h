// mesh_flags: the command line of a program that takes long flags and no words. A table says where
// each flag's value goes.
#ifndef MILLRACE_MESH_PROGRAM_FLAGS_H
#define MILLRACE_MESH_PROGRAM_FLAGS_H

#include "mesh/runtime/log.h"
#include "mesh/runtime/status.h"

enum { MESH_FLAGS_MAX = 32 };  // of a table

// Takes a value that is more than text or a number.
typedef mesh_code (*mesh_flag_take)(void *to, const char *value, mesh_error *err);

// One flag; its value goes to the one place that is not NULL. Text is borrowed from argv.
typedef struct mesh_flag {
  const char *name;   // without the dashes
  const char **text;  // with `count`: the first of up to `most`, of which *count are there
  int *count;         // 0 before
  int64_t *number;    // from `least` to `most`
  int *whole;         // likewise
  bool *on;           // true if it is given; it has no value
  mesh_flag_take take;
  void *to;  // take()'s
  int64_t least, most;
} mesh_flag;

// Walks the command line with getopt_long(). INVALID_ARGUMENT names an unknown flag, a missing or a
// bad value and what would be right, or a word.
MESH_NODISCARD mesh_code mesh_flags_parse(int argc, char **argv, const mesh_flag *flags, int count,
                                          mesh_error *err);

// A mesh_flag_take: "debug" and so on, to a mesh_log_level.
MESH_NODISCARD mesh_code mesh_flag_take_log_level(void *to, const char *value, mesh_error *err);

#endif
