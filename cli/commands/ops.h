// millrace ops list, show, watch, cancel, events: operations of every kind.
#ifndef MILLRACE_CLI_COMMANDS_OPS_H
#define MILLRACE_CLI_COMMANDS_OPS_H

#include "cli/command.h"

// Operations, the newest first, as the filters say.
int cmd_ops_list(const command *self, const args *given);

// OPERATION: everything about it, or as it was --at an event.
int cmd_ops_show(const command *self, const args *given);

// OPERATION: its events, up to the outcome.
int cmd_ops_watch(const command *self, const args *given);

// OPERATION: asks it to stop; follows it to its outcome.
int cmd_ops_cancel(const command *self, const args *given);

// OPERATION...: forgets those, which have ended.
int cmd_ops_delete(const command *self, const args *given);

// OPERATION: its history, an event a line.
int cmd_ops_events(const command *self, const args *given);

#endif
