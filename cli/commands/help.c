#include "cli/commands/help.h"

#include <grpc/grpc.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/terminal/print.h"
#include "market/timeframe.h"
#include "mesh/program/closest.h"
#include "mesh/program/version.h"

enum { COMMANDS_MAX = 64, NAME_MAX_BYTES = 64 };

int help_list(FILE *out) {
  print_text(out, "usage: millrace COMMAND [arguments] [flags]\n\n");
  for (size_t i = 0; i < commands_count; i++) {
    char usage[NAME_MAX_BYTES];
    snprintf(usage, sizeof usage, "%s %s", commands_all[i].name, commands_all[i].arguments);
    print_text(out, "  %-30s %s\n", usage, commands_all[i].summary);
  }
  print_text(
      out,
      "\nmillrace help COMMAND shows its flags. Times are UTC; timeframes are " TIMEFRAMES_LOADABLE
      ".\n");
  return out == stderr ? EXIT_CODE_USAGE : EXIT_CODE_DONE;
}

static void list_flags(const args_flag *table) {
  for (; table != NULL && table->name != NULL; table++) {
    char usage[NAME_MAX_BYTES];
    snprintf(usage, sizeof usage, "--%s%s%s", table->name, table->value != NULL ? " " : "",
             table->value != NULL ? table->value : "");
    print_text(stdout, "  %-26s %s\n", usage, table->help);
  }
}

int help_show(const command *self) {
  print_text(stdout, "usage: millrace %s%s%s [flags]\n\n%s.\n", self->name,
             self->arguments[0] != '\0' ? " " : "", self->arguments, self->summary);
  if (self->more != NULL) print_own(stdout, self->more);
  print_text(stdout, "\n");
  list_flags(self->flags);
  list_flags(command_common_flags);
  return EXIT_CODE_DONE;
}

static void join(int argc, char **argv, char out[NAME_MAX_BYTES]) {
  out[0] = '\0';
  size_t size = 0;
  for (int i = 0; i < argc && argv[i][0] != '-' && size < NAME_MAX_BYTES; i++) {
    size += (size_t)snprintf(out + size, NAME_MAX_BYTES - size, "%s%s", i == 0 ? "" : " ", argv[i]);
  }
}

int help_unknown(int argc, char **argv) {
  const char *names[COMMANDS_MAX];
  size_t count = 0;
  for (; count < commands_count; count++)
    names[count] = commands_all[count].name;
  char two[NAME_MAX_BYTES], one[NAME_MAX_BYTES];
  join(argc < 2 ? argc : 2, argv, two);
  join(1, argv, one);
  const char *near = mesh_closest(two, names, count);
  if (near == NULL) near = mesh_closest(one, names, count);
  if (near == NULL) {
    print_text(stderr, "millrace: unknown command '%s'; millrace help lists them\n", two);
  } else {
    print_text(stderr, "millrace: unknown command '%s'; did you mean millrace %s?\n",
               strchr(near, ' ') != NULL ? two : one, near);
  }
  return EXIT_CODE_USAGE;
}

int help_command(const command *self, const args *given) {
  (void)self;
  if (given->word_count == 0) return help_list(stdout);
  int words;
  char **names = (char **)given->words;
  const command *found = commands_find(given->word_count, names, &words);
  if (found != NULL && words == given->word_count) return help_show(found);
  return help_unknown(given->word_count, names);
}

int help_version(const command *self, const args *given) {
  (void)self;
  const char *output = args_get(given, "output");
  bool json = output != NULL ? strcmp(output, "json") == 0 : !isatty(STDOUT_FILENO);
  if (json) {
    print_text(stdout, "{\"millrace\":\"%s\",\"grpcCore\":\"%s\"}\n", MILLRACE_VERSION,
               grpc_version_string());
  } else {
    print_text(stdout, "millrace %s, gRPC core %s\n", MILLRACE_VERSION, grpc_version_string());
  }
  return EXIT_CODE_DONE;
}
