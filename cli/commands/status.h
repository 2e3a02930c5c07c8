// millrace status: layers, hosts, gateway: health and round trips.
#ifndef MILLRACE_CLI_COMMANDS_STATUS_H
#define MILLRACE_CLI_COMMANDS_STATUS_H

#include "cli/command.h"

// Each layer, host and the gateway: whether it answers, and how fast.
int cmd_status(const command *self, const args *given);

#endif
