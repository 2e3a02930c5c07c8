// source: whose bars, as a flag and in what is shown. Pure.
#ifndef MILLRACE_CLI_SOURCE_H
#define MILLRACE_CLI_SOURCE_H

#include "cli/args.h"

#define SOURCE_FLAG \
  { "source", "NAME", "whose bars, where several sources have them: ib, papergate, unknown" }

// The flag; "" where it was not given. Borrowed; requests take it as it is.
char *source_read(const args *given);

// How a source is called in text: "simulated" for papergate, "-" for none. Static, or the argument.
const char *source_shown(const char *source);

#endif
