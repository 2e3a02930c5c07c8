// millrace ops list, show, watch, cancel, events: operations of every kind.
#ifndef MILLRACE_CLI_COMMANDS_OPS_H
#define MILLRACE_CLI_COMMANDS_OPS_H

#include "cli/command.h"

int cmd_ops_list(const command *self, const args *given);
int cmd_ops_show(const command *self, const args *given);
int cmd_ops_watch(const command *self, const args *given);
int cmd_ops_cancel(const command *self, const args *given);
int cmd_ops_delete(const command *self, const args *given);
int cmd_ops_events(const command *self, const args *given);

#endif
