// commands: the table of all of them.
#ifndef MILLRACE_CLI_COMMANDS_COMMANDS_H
#define MILLRACE_CLI_COMMANDS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/exit_code.h"

extern const command commands_all[];
extern const size_t commands_count;

// The command that argv[0..argc) begins with, and how many words its name has; NULL if there is
// none.
const command *commands_find(int argc, char **argv, int *words);

// True for the first word of commands that have two: "data", "ops".
bool commands_is_group(const char *word);

#endif
