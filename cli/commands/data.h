// millrace data list, gaps, search: tables.
#ifndef MILLRACE_CLI_COMMANDS_DATA_H
#define MILLRACE_CLI_COMMANDS_DATA_H

#include "cli/command.h"

// The stored series.
int cmd_list(const command *self, const args *given);

// SYMBOL TIMEFRAME: what is odd in a stored series.
int cmd_validate(const command *self, const args *given);

// SYMBOL TIMEFRAME: what is missing, and why.
int cmd_gaps(const command *self, const args *given);

// PATTERN: what the gateway knows by it.
int cmd_search(const command *self, const args *given);

#endif
