#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/terminal/print.h"

const args_flag command_common_flags[] = {
    {"home", "DIR", "where the mesh lies; default: $MILLRACE_HOME, else the XDG state directory"},
    {"config", "FILE", "configuration; default: $MILLRACE_CONFIG, else millrace.yaml in the home"},
    {"backend", "ADDRESS", "the backend to call; default: unix:HOME/run/backend.sock"},
    {"output", "text|json", "default: text on a terminal, one JSON object a line elsewhere"},
    {"deadline", "DURATION", "give up after so long: 90s, 5m, 250ms"},
    {"help", NULL, "show what the command does"},
    {0},
};

void command_complain(const command *self, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_text(stderr, "millrace: %s: ", self->name);
  print_vtext(stderr, format, arguments);
  print_own(stderr, "\n");
  va_end(arguments);
}

bool command_starts_operation(const command *self) {
  const args_flag *flag = self->flags;
  while (flag != NULL && flag->name != NULL && strcmp(flag->name, "detach") != 0)
    flag++;
  return flag != NULL && flag->name != NULL;
}
