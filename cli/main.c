// millrace: one program for a person at a terminal and for scripts.
#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/help.h"
#include "cli/terminal/print.h"
#include "mesh/program/standard.h"
#include "mesh/runtime/text.h"

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
    mesh_fail(&err, GRPC_STATUS_INVALID_ARGUMENT, "unexpected argument '%.*s'",
              MESH_TEXT_SHOWN(given.words[self->words_max], 100));
    return refuse_usage(self, err.message);
  }
  return self->run(self, &given);
}

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool is_version(const char *word) {
  return strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0 || strcmp(word, "-V") == 0;
}

// Runs the command that argv[flags..argc) begins with; the flags before it are its own, too.
static int run_words(int argc, char **argv, int flags) {
  char **rest = argv + flags;
  int words, count = argc - flags;
  const command *found = commands_find(count, rest, &words);
  if (found != NULL) {
    memmove(argv + words, argv, (size_t)flags * sizeof *argv);
    return run_command(found, argc - words, argv + words);
  }
  bool asks = count == 1 || is_help(rest[1]);
  return asks && commands_is_group(rest[0]) ? help_group(rest[0]) : help_unknown(count, rest);
}

int main(int argc, char **argv) {
  mesh_standard_hold();
  if (argc >= 2 && is_version(argv[1])) argv[1] = "version";
  int flags;
  mesh_error err;
  if (args_leading(argc - 1, argv + 1, command_common_flags, &flags, &err) != GRPC_STATUS_OK) {
    print_text(stderr, "millrace: %s\n", err.message);
    return EXIT_CODE_USAGE;
  }
  if (argc > 1 + flags) return run_words(argc - 1, argv + 1, flags);
  return help_list(flags > 0 && is_help(argv[flags]) ? stdout : stderr);
}
