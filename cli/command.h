// command: one row of the table that main() looks a command up in. A command is one function,
// cmd_...(self, given): `self` is its row, `given` its checked words and flags, both borrowed until
// it returns the exit code (exit_code.h). It runs on the main thread and tells its own errors.
#ifndef MILLRACE_CLI_COMMAND_H
#define MILLRACE_CLI_COMMAND_H

#include <stdbool.h>

#include "cli/args.h"

typedef struct command command;
struct command {
  const char *name;       // "data load"
  const char *arguments;  // "SYMBOL TIMEFRAME"
  int words_min, words_max;
  const char *summary;     // one line for the list of commands
  const args_flag *flags;  // its own, beside command_common_flags; NULL: none
  const char *more;        // further lines of help; NULL: none
  int (*run)(const command *self, const args *given);  // returns the exit code
  bool destructive;  // takes something away or stops it: never suggested for a mistyped word
};

// --home, --config, --backend, --output, --deadline, --help. Ends with {0}.
extern const args_flag command_common_flags[];

// True for a command that starts an operation: it has START_FLAGS (start_options.h).
bool command_starts_operation(const command *self);

// "millrace: data load: <text>", one line on standard error.
void command_complain(const command *self, const char *format, ...) MESH_PRINTF(2, 3);

#endif
