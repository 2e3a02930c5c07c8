// What a person, or a program, sees of an operation that is followed.
#ifndef MILLRACE_CLI_FOLLOW_PRINT_H
#define MILLRACE_CLI_FOLLOW_PRINT_H

#include "cli/follow.h"

// One event: a line of JSON, or what it means for the live line. `bytes` is the whole of it. The
// caller flushes the output after the last event that came together.
MESH_NODISCARD mesh_code follow_print_event(follow *own, const mesh_event *event, mesh_view bytes,
                                            mesh_error *err);

// The stream broke: the live line says so.
void follow_print_waiting(follow *own, const mesh_error *why);

// Where there is no live line: one line on standard error that says how far it is. Called now and
// then.
void follow_print_still(follow *own);

// Takes the live line away.
void follow_print_end(follow *own);

// Ctrl-C, and no outcome was waited for.
void follow_print_left(const follow *own);

#endif
