// millrace hosts list, hosts drain.
#ifndef MILLRACE_CLI_COMMANDS_HOSTS_H
#define MILLRACE_CLI_COMMANDS_HOSTS_H

#include "cli/command.h"

// The hosts, their state, what runs there.
int cmd_hosts_list(const command *self, const args *given);

// NAME: takes new work from a host and lets it leave; prints how that goes.
int cmd_hosts_drain(const command *self, const args *given);

#endif
