// Operations and their events as text for people. Pure: writes into a stream; messages are
// borrowed.
#ifndef MILLRACE_CLI_OPERATION_TEXT_H
#define MILLRACE_CLI_OPERATION_TEXT_H

#include <stdio.h>

#include "mesh/operation/event.h"
#include "millrace/v1/operation.pb-c.h"

// "RUNNING", ... Static.
const char *operation_state_name(Millrace__V1__OperationState state);

// The first line of a table of operations.
void operation_print_header(FILE *out);

// One operation, as a row of it.
void operation_print_row(FILE *out, const Millrace__V1__Operation *operation);

// Everything about one operation, a line each.
void operation_print_whole(FILE *out, const Millrace__V1__Operation *operation);

// One event in one line. DATA_LOSS if the bytes are none.
MESH_NODISCARD mesh_code operation_print_event(FILE *out, mesh_view bytes, mesh_error *err);

// One line: what an epoch of training came to.
void operation_print_epoch(FILE *out, const Millrace__V1__EpochReport *report);

#endif
