// print: the only way by which text gets onto standard output or standard error. What is printed
// often comes from outside (a name, a label, an error's message), and a terminal obeys what it is
// shown: so whatever stands for a %s is escaped here, always. Nothing else in cli/ calls printf()
// or its kin (tests/cli:printing_test). One thread.
#ifndef MILLRACE_CLI_TERMINAL_PRINT_H
#define MILLRACE_CLI_TERMINAL_PRINT_H

#include <stdarg.h>
#include <stdio.h>

// As fprintf(), but each string argument is shown as mesh_text_escape() writes it: no control
// character, no line end, nothing that turns the direction round, no damaged byte gets through. Its
// width counts characters; its precision counts bytes, and cuts between characters. `format` is our
// own text and is written as it is. Conversions: d i u x X c s f e g, with h l ll z j; anything
// else is a bug of our own.
void print_text(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The same, of a list of arguments.
void print_vtext(FILE *out, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

// Writes text of our own, of several lines maybe, as it is: help, templates. Never what came from
// outside.
void print_own(FILE *out, const char *text);

// Writes JSON: what steers a terminal and JSON allows unescaped (C1, direction marks) becomes
// \u009b, a damaged byte \ufffd. The text still means the same.
void print_json(FILE *out, const char *json);

// Writes `text` as a JSON string, quotes included, as print_json() would.
void print_json_string(FILE *out, const char *text);

#endif
