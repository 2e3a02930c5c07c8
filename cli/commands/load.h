// millrace data load: brings a stored series up to date.
#ifndef MILLRACE_CLI_COMMANDS_LOAD_H
#define MILLRACE_CLI_COMMANDS_LOAD_H

#include "cli/command.h"

// SYMBOL TIMEFRAME: fetches what is missing; follows it, and draws the newest bars.
int cmd_load(const command *self, const args *given);

#endif
