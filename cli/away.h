// away: what is known of a backend that did not answer. Blocks for a moment.
#ifndef MILLRACE_CLI_AWAY_H
#define MILLRACE_CLI_AWAY_H

#include <stdbool.h>
#include <stddef.h>

enum { AWAY_TEXT_MAX = 1024 };  // bytes, with the NUL

// True for the address at which the mesh of `home` has its backend: `millrace up` starts that one
// again, and no other.
bool away_is_of(const char *home, const char *address);

// One line for a person: that no mesh runs in `home`, where nobody listens at `address` and nobody
// holds the home; else who is there and does not answer, and what will become of it. `why` is what
// gRPC said.
void away_describe(const char *home, const char *address, const char *why, char out[AWAY_TEXT_MAX]);

#endif
