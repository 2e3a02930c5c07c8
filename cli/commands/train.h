// millrace train, millrace ops resume.
#ifndef MILLRACE_CLI_COMMANDS_TRAIN_H
#define MILLRACE_CLI_COMMANDS_TRAIN_H

#include "cli/command.h"

int cmd_train(const command *self, const args *given);
int cmd_resume(const command *self, const args *given);

#endif
