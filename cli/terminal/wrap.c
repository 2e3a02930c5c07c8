#include "cli/terminal/wrap.h"

#include <stdbool.h>
#include <string.h>

#include "cli/terminal/print.h"
#include "cli/terminal/width.h"

void wrap_write(FILE *out, int columns, int indent, int used, const char *text) {
  bool at_start = true;  // of what belongs to this text on its line
  while (*text != '\0') {
    if (*text == '\n' || *text == ' ') {
      if (*text++ != '\n') continue;
      if (*text == '\0') break;
      print_text(out, "\n%*s", indent, "");
      used = indent;
      at_start = true;
      continue;
    }
    size_t size = strcspn(text, " \n");
    int width = width_of_bytes(text, size);
    if (!at_start && columns > 0 && used + 1 + width > columns) {
      print_text(out, "\n%*s", indent, "");
      used = indent;
      at_start = true;
    }
    print_text(out, "%s%.*s", at_start ? "" : " ", (int)size, text);
    used += width + !at_start;
    at_start = false;
    text += size;
  }
  print_own(out, "\n");
}

void wrap_row(FILE *out, int columns, int indent, const char *left, const char *right) {
  int width = 2 + width_of(left);
  print_text(out, "  %s", left);
  if (width + 1 > indent) {
    print_text(out, "\n%*s", indent, "");
  } else {
    print_text(out, "%*s", indent - width, "");
  }
  wrap_write(out, columns, indent, indent, right);
}
