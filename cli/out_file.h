// out_file: a file that a person named with --out. A regular file is replaced as a whole, or not at
// all: it is written beside and renamed, its mode and owner kept; through a link it is the link's
// target. Anything else (a device, a FIFO, what standard output already is) is written through and
// stays what it is. Blocks.
#ifndef MILLRACE_CLI_OUT_FILE_H
#define MILLRACE_CLI_OUT_FILE_H

#include <stdio.h>

#include "mesh/runtime/status.h"
#include "mesh/runtime/view.h"

typedef struct out_file {
  FILE *file;
  bool is_stdout;  // nothing else may be printed there
  // The rest is its own.
  const char *path;
  char *target, *beside;  // NULL: it is written through
} out_file;

// Opens `path`, which must stay, to be written through out->file. NOT_FOUND, PERMISSION_DENIED,
// RESOURCE_EXHAUSTED, ABORTED: names it. End it with out_file_close() where this was OK.
MESH_NODISCARD mesh_code out_file_open(const char *path, out_file *out, mesh_error *err);

// Writes `bytes`, behind what out->file has. The same codes.
MESH_NODISCARD mesh_code out_file_write(out_file *own, mesh_view bytes, mesh_error *err);

// Puts what was written in place where `code` is OK, else drops it and leaves the old file as it
// was; returns `code`, or what has failed of that: right after the last write, whose errno is told.
// *own is done with.
MESH_NODISCARD mesh_code out_file_close(out_file *own, mesh_code code, mesh_error *err);

#endif
