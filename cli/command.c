#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>

const args_flag command_common_flags[] = {
    {"home", "DIR", "where the mesh lies; default: $MILLRACE_HOME, else the XDG state directory"},
    {"config", "FILE", "configuration; default: $MILLRACE_CONFIG, else millrace.yaml in the home"},
    {"backend", "ADDRESS", "the backend to call; default: unix:HOME/run/backend.sock"},
    {"output", "text|json", "default: text on a terminal, one JSON object a line elsewhere"},
    {"deadline", "SECONDS", "give up after so long"},
    {"help", NULL, "show what the command does"},
    {0},
};

void command_complain(const command *self, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "millrace: %s: ", self->name);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}
