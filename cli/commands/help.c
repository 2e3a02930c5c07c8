#include "cli/commands/help.h"

#include <grpc/grpc.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/wrap.h"
#include "market/timeframe.h"
#include "mesh/program/closest.h"
#include "mesh/program/version.h"
#include "mesh/runtime/text.h"

enum {
  COMMANDS_MAX = 64,
  NAME_MAX_BYTES = 64,
  USAGE_MAX = 128,
  COMMAND_INDENT = 34,
  FLAG_INDENT = 28
};

// ---- lists ----

static void print_command(FILE *out, const command *each) {
  char usage[USAGE_MAX];
  mesh_text_format(usage, sizeof usage, "%s %s", each->name, each->arguments);
  wrap_row(out, output_columns(), COMMAND_INDENT, usage, each->summary);
}

int help_list(FILE *out) {
  print_text(out, "usage: millrace [flags] COMMAND [arguments] [flags]\n\n");
  for (size_t i = 0; i < commands_count; i++)
    print_command(out, &commands_all[i]);
  print_text(out, "\n");
  wrap_write(
      out, output_columns(), 0, 0,
      "millrace help COMMAND shows its flags, millrace help GROUP the commands of a group such "
      "as data. Times are UTC; timeframes are " TIMEFRAMES_LOADABLE ".");
  return out == stderr ? EXIT_CODE_USAGE : EXIT_CODE_DONE;
}

static bool is_in_group(const command *each, const char *group) {
  size_t size = strlen(group);
  return strncmp(each->name, group, size) == 0 && each->name[size] == ' ';
}

int help_group(const char *group) {
  print_text(stdout, "usage: millrace %s COMMAND [arguments] [flags]\n\n", group);
  for (size_t i = 0; i < commands_count; i++) {
    if (is_in_group(&commands_all[i], group)) print_command(stdout, &commands_all[i]);
  }
  print_text(stdout, "\nmillrace help %s COMMAND shows what one does, and its flags.\n", group);
  return EXIT_CODE_DONE;
}

// ---- one command ----

static void list_flags(const args_flag *table) {
  for (; table != NULL && table->name != NULL; table++) {
    char usage[USAGE_MAX];
    mesh_text_format(usage, sizeof usage, "--%s%s%s", table->name, table->value != NULL ? " " : "",
                     table->value != NULL ? table->value : "");
    wrap_row(stdout, output_columns(), FLAG_INDENT, usage, table->help);
  }
}

int help_show(const command *self) {
  print_text(stdout, "usage: millrace %s%s%s [flags]\n\n%s.\n", self->name,
             self->arguments[0] != '\0' ? " " : "", self->arguments, self->summary);
  if (self->more != NULL) wrap_write(stdout, output_columns(), 0, 0, self->more);
  print_text(stdout, "\n");
  list_flags(self->flags);
  list_flags(command_common_flags);
  return EXIT_CODE_DONE;
}

// ---- no such command ----

// The words before the first flag, at most `most` of them.
static void join(int argc, char **argv, int most, char out[NAME_MAX_BYTES]) {
  out[0] = '\0';
  for (int i = 0; i < argc && i < most && argv[i][0] != '-'; i++)
    mesh_text_append(out, NAME_MAX_BYTES, "%s%s", i == 0 ? "" : " ", argv[i]);
}

// The command that was meant; NULL where that is not clear, or where it takes something away: who
// mistyped it looks first.
static const char *find_meant(const char *text, const char *group) {
  const char *names[COMMANDS_MAX] = {0};
  size_t count = 0;
  for (size_t i = 0; i < commands_count && count < COMMANDS_MAX; i++) {
    const command *each = &commands_all[i];
    if (group == NULL || is_in_group(each, group)) names[count++] = each->name;
  }
  const char *near = mesh_closest(text, names, count);
  for (size_t i = 0; near != NULL && i < commands_count; i++) {
    if (commands_all[i].destructive && strcmp(commands_all[i].name, near) == 0) return NULL;
  }
  return near;
}

int help_unknown(int argc, char **argv) {
  char two[NAME_MAX_BYTES], one[NAME_MAX_BYTES];
  join(argc, argv, 2, two);
  join(argc, argv, 1, one);
  const char *group = commands_is_group(one) ? one : NULL;
  const char *near = find_meant(two, group);
  if (near == NULL && group == NULL) near = find_meant(one, NULL);
  print_text(stderr, "millrace: unknown command '%s'; ", two);
  if (near != NULL) {
    print_text(stderr, "did you mean millrace %s?\n", near);
  } else {
    print_text(stderr, "millrace help%s%s lists them\n", group != NULL ? " " : "",
               group != NULL ? group : "");
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
  if (given->word_count == 1 && commands_is_group(names[0])) return help_group(names[0]);
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
