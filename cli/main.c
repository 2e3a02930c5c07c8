// millrace: one program for a person at a terminal and for scripts.
#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/help.h"

static int refuse_usage(const command *self, const char *what) {
  command_complain(self, "%s (usage: millrace %s%s%s [flags])", what, self->name,
                   self->arguments[0] != '\0' ? " " : "", self->arguments);
  return EXIT_CODE_USAGE;
}

static int run_command(const command *self, int argc, char **argv) {
  args given;
  mesh_error err;
  if (args_parse(argc, argv, self->flags, command_common_flags, &given, &err) != GRPC_STATUS_OK) {
    return refuse_usage(self, err.message);
  }
  if (args_get(&given, "help") != NULL) return help_show(self);
  if (given.word_count < self->words_min) return refuse_usage(self, "too few arguments");
  if (given.word_count > self->words_max) {
    mesh_fail(&err, GRPC_STATUS_INVALID_ARGUMENT, "unexpected argument '%.100s'",
              given.words[self->words_max]);
    return refuse_usage(self, err.message);
  }
  return self->run(self, &given);
}

int main(int argc, char **argv) {
  if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    return help_list(argc < 2 ? stderr : stdout);
  }
  if (strcmp(argv[1], "--version") == 0) argv[1] = "version";
  int words;
  const command *found = commands_find(argc - 1, argv + 1, &words);
  if (found != NULL) return run_command(found, argc - 1 - words, argv + 1 + words);
  return help_unknown(argc - 1, argv + 1);
}
