// millrace train, millrace ops resume.
#ifndef MILLRACE_CLI_COMMANDS_TRAIN_H
#define MILLRACE_CLI_COMMANDS_TRAIN_H

#include "cli/command.h"

// FILE: trains, follows the epochs, names the model.
int cmd_train(const command *self, const args *given);

// OPERATION: goes on with a training from its last checkpoint, as an operation of its own.
int cmd_resume(const command *self, const args *given);

#endif
