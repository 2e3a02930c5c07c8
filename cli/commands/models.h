// millrace models list, show, compare, predict, export, delete.
#ifndef MILLRACE_CLI_COMMANDS_MODELS_H
#define MILLRACE_CLI_COMMANDS_MODELS_H

#include "cli/command.h"

int cmd_models_list(const command *self, const args *given);
int cmd_models_show(const command *self, const args *given);
int cmd_models_compare(const command *self, const args *given);
int cmd_models_predict(const command *self, const args *given);
int cmd_models_export(const command *self, const args *given);
int cmd_models_delete(const command *self, const args *given);

#endif
