// checkpoints: the files of a training while it runs, and its model until it was fetched: one
// directory an operation. A file's name has its step and its SHA-256, so that each is checked when
// it is read. Blocks: on a pool thread.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_CHECKPOINTS_H
#define MILLRACE_HOST_TRAINING_SERVICE_CHECKPOINTS_H

#include "host/training/model/tensors.h"
#include "mesh/program/file.h"

enum { CHECKPOINT_NAME_MAX = 192 };  // bytes of "OPERATION/STEP-SHA256", with the NUL

// Writes one of operation `operation` below `directory`; *name is what finds it again. Of older
// ones the last two stay.
MESH_NODISCARD mesh_code checkpoints_write(const char *directory, const char *operation,
                                           int64_t step, mesh_view bytes,
                                           char name[CHECKPOINT_NAME_MAX], mesh_error *err);

// Reads the checkpoint `name`. DATA_LOSS: it is damaged; NOT_FOUND.
MESH_NODISCARD mesh_code checkpoints_read(const char *directory, const char *name, mesh_bytes *out,
                                          mesh_error *err);

// The newest one of the operation that is whole. NOT_FOUND.
MESH_NODISCARD mesh_code checkpoints_read_newest(const char *directory, const char *operation,
                                                 mesh_bytes *out, mesh_error *err);

// Forgets the operation's checkpoints, but not its model.
void checkpoints_clear(const char *directory, const char *operation);

// The operations whose files nobody has touched for `older_s` seconds, by the files' times: *names
// is the caller's to free, with each of them. Returns how many.
size_t checkpoints_list_old(const char *directory, int64_t older_s, char ***names);

// Removes all that an operation left.
void checkpoints_remove(const char *directory, const char *operation);

// "DIRECTORY/OPERATION/model.safetensors" and "....about"; true if the name can be one.
bool checkpoints_model_path(const char *directory, const char *operation, const char *suffix,
                            char *out, size_t capacity);

#endif
