// help: what the table of commands says, for people. The table names help_command() and
// help_version(), and these read the table: a list of commands that can show itself is a circle.
#ifndef MILLRACE_CLI_COMMANDS_HELP_H
#define MILLRACE_CLI_COMMANDS_HELP_H

#include <stdio.h>

#include "cli/command.h"

// The list of all commands. Returns the exit code: USAGE for standard error.
int help_list(FILE *out);

// The commands of a group (commands_is_group()), such as "data".
int help_group(const char *group);

// What one command does, and its flags.
int help_show(const command *self);

// One line on standard error: no such command, and the closest one; never one that is destructive.
int help_unknown(int argc, char **argv);

// The commands `help` and `version`.
int help_command(const command *self, const args *given);
int help_version(const command *self, const args *given);

#endif
