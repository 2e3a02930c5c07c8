// What a person or a program is told, for up.c and up_programs.c; calls neither.
#include <stdio.h>

#include "cli/commands/up_internal.h"
#include "cli/terminal/print.h"

void up_say(const up *own, const char *event, const char *who, const char *text) {
  if (own->json) {
    print_text(stdout, "{\"event\":\"%s\",\"piece\":\"%s\",\"detail\":", event, who);
    print_json_string(stdout, text);
    print_text(stdout, "}\n");
  } else {
    print_text(stdout, "%-10s %s%s%s\n", who, event, text[0] != '\0' ? ": " : "", text);
  }
  fflush(stdout);
}
