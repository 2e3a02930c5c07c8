// args: a command line, checked against a table of flags. Pure: reads nothing but argv.
#ifndef MILLRACE_CLI_ARGS_H
#define MILLRACE_CLI_ARGS_H

#include "mesh/runtime/status.h"

enum { ARGS_WORDS_MAX = 8, ARGS_FLAGS_MAX = 24 };

// One flag: "--name VALUE" or "--name=VALUE", or "--name" alone. A table ends with {0}.
typedef struct args_flag {
  const char *name;   // "from"
  const char *value;  // what --help calls the value; "a|b|c" allows these alone; NULL: a switch
  const char *help;   // one line
} args_flag;

typedef struct args {
  const char *words[ARGS_WORDS_MAX];
  int word_count;
  const args_flag *flags[ARGS_FLAGS_MAX];  // those that were given
  const char *values[ARGS_FLAGS_MAX];
  int flag_count;
} args;

// Reads argv[0..argc): words, and flags of either table, in any order; "--" ends the flags, and
// "-" is a word. INVALID_ARGUMENT names what is wrong, and the closest flag to an unknown one.
// Strings are borrowed.
MESH_NODISCARD mesh_code args_parse(int argc, char **argv, const args_flag *own,
                                    const args_flag *common, args *out, mesh_error *err);

// How many of argv[0..argc), from the first one on, are flags of `table` and their values: what
// stands before a command. INVALID_ARGUMENT as args_parse().
MESH_NODISCARD mesh_code args_leading(int argc, char **argv, const args_flag *table, int *out,
                                      mesh_error *err);

// The value of a flag, "" for a switch; NULL if it was not given.
const char *args_get(const args *given, const char *name);

// The value of the `index`th time that a flag was given; NULL if it was given less often.
const char *args_get_each(const args *given, const char *name, int index);

// A flag's value as a duration ("90s", numbers.h), in milliseconds; `otherwise` if it was not
// given.
MESH_NODISCARD mesh_code args_get_duration(const args *given, const char *name, int64_t otherwise,
                                           int64_t *out_ms, mesh_error *err);

// A flag's value as a whole number from `low` to `high`; `otherwise` if it was not given.
MESH_NODISCARD mesh_code args_get_number(const args *given, const char *name, int64_t low,
                                         int64_t high, int64_t otherwise, int64_t *out,
                                         mesh_error *err);

#endif
