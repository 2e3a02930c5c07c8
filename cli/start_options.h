// start_options: the flags that every command has which starts an operation.
#ifndef MILLRACE_CLI_START_OPTIONS_H
#define MILLRACE_CLI_START_OPTIONS_H

#include "cli/args.h"
#include "millrace/v1/operation.pb-c.h"

enum { START_LABELS_MAX = 24 };

#define START_FLAGS                                                                              \
  {"detach", NULL, "start it and leave; `millrace ops watch` shows how it goes"},                \
      {"label", "KEY=VALUE", "for `millrace ops list --label`; may be given several times"},     \
      {"grace", "DURATION", "go on so long without a watcher; default: 2s"},                     \
      {"cancel-timeout", "DURATION", "a cancel ends it by force after so long; default: 10s"}, { \
    "request-id", "ID", "the same id is the same operation: a repeated start joins it"           \
  }

typedef struct start_options {
  Millrace__V1__StartOptions message;  // points to the members below and to the flags
  char request_id[40], texts[START_LABELS_MAX][64];
  Millrace__V1__StartOptions__LabelsEntry entries[START_LABELS_MAX];
  Millrace__V1__StartOptions__LabelsEntry *labels[START_LABELS_MAX];
} start_options;

// Fills out->message from the flags, --deadline included. Without --request-id a random one is
// made, so that the command may repeat its start when the backend was away. INVALID_ARGUMENT names
// a flag.
MESH_NODISCARD mesh_code start_options_read(const args *given, start_options *out, mesh_error *err);

// Only the labels: for commands that filter by them.
MESH_NODISCARD mesh_code start_labels_read(const args *given, start_options *out, mesh_error *err);

#endif
