// millrace data show: a price chart and the last bars.
#ifndef MILLRACE_CLI_COMMANDS_SHOW_H
#define MILLRACE_CLI_COMMANDS_SHOW_H

#include "cli/command.h"

// SYMBOL TIMEFRAME: a chart and a table; as JSON, a bar a line.
int cmd_show(const command *self, const args *given);

#endif
