// millrace hosts list, hosts drain.
#ifndef MILLRACE_CLI_COMMANDS_HOSTS_H
#define MILLRACE_CLI_COMMANDS_HOSTS_H

#include "cli/command.h"

int cmd_hosts_list(const command *self, const args *given);
int cmd_hosts_drain(const command *self, const args *given);

#endif
