// millrace data watch: live bars.
#ifndef MILLRACE_CLI_COMMANDS_WATCH_H
#define MILLRACE_CLI_COMMANDS_WATCH_H

#include "cli/command.h"

// SYMBOL TIMEFRAME: live bars, until Ctrl-C.
int cmd_watch(const command *self, const args *given);

#endif
