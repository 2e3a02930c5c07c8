// millrace data export: stored bars as CSV.
#ifndef MILLRACE_CLI_COMMANDS_EXPORT_H
#define MILLRACE_CLI_COMMANDS_EXPORT_H

#include "cli/command.h"

int cmd_export(const command *self, const args *given);

#endif
