// millrace data list, gaps, search: tables.
#ifndef MILLRACE_CLI_COMMANDS_DATA_H
#define MILLRACE_CLI_COMMANDS_DATA_H

#include "cli/command.h"

int cmd_list(const command *self, const args *given);
int cmd_gaps(const command *self, const args *given);
int cmd_search(const command *self, const args *given);

#endif
