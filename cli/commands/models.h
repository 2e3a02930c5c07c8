// millrace models list, show, compare, predict, export, delete.
#ifndef MILLRACE_CLI_COMMANDS_MODELS_H
#define MILLRACE_CLI_COMMANDS_MODELS_H

#include "cli/command.h"

// [NAME]: the versions of all names, or of one.
int cmd_models_list(const command *self, const args *given);

// MODEL: its metrics, provenance and losses.
int cmd_models_show(const command *self, const args *given);

// MODEL MODEL...: their metrics beside each other.
int cmd_models_compare(const command *self, const args *given);

// MODEL: its signals for stored bars, and with --live for those that come.
int cmd_models_predict(const command *self, const args *given);

// MODEL: its file, or the model in another format, written whole or not at all.
int cmd_models_export(const command *self, const args *given);

// MODEL: forgets a version, and its file where no other has it.
int cmd_models_delete(const command *self, const args *given);

#endif
