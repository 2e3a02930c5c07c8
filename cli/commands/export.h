// millrace data export: stored bars as CSV.
#ifndef MILLRACE_CLI_COMMANDS_EXPORT_H
#define MILLRACE_CLI_COMMANDS_EXPORT_H

#include "cli/command.h"

// SYMBOL TIMEFRAME: to standard output, or a file that is there whole or not at all.
int cmd_export(const command *self, const args *given);

#endif
