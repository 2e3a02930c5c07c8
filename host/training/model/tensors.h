// tensors: a safetensors file (huggingface/safetensors, its README's "Format"): named arrays of
// numbers and notes of text, in one piece of memory. Little-endian. One thread at a time.
#ifndef MILLRACE_HOST_TRAINING_MODEL_TENSORS_H
#define MILLRACE_HOST_TRAINING_MODEL_TENSORS_H

#include "host/training/stop.h"
#include "mesh/runtime/bytes.h"
#include "mesh/runtime/status.h"

typedef struct tensors tensors;

typedef enum tensor_type { TENSOR_F32, TENSOR_F64, TENSOR_I64, TENSOR_U64 } tensor_type;

// An empty file, to be filled and packed. Release with tensors_destroy().
tensors *tensors_create(void);

// Frees it; arrays that were added stay their owners'. NULL is fine.
void tensors_destroy(tensors *own);

// Adds a note; a key that is there already gets the new text. Copied. INVALID_ARGUMENT: the text is
// no UTF-8.
MESH_NODISCARD mesh_code tensors_note(tensors *own, const char *key, const char *text,
                                      mesh_error *err);

// Adds an array of `rows` x `columns` numbers; `columns` 0: of one dimension. `data` is borrowed
// until the pack.
void tensors_add(tensors *own, const char *name, tensor_type type, size_t rows, size_t columns,
                 const void *data);

// The file: the caller frees out->data.
void tensors_pack(const tensors *own, mesh_bytes *out);

// Reads a file; `file` is borrowed until tensors_destroy(). DATA_LOSS says what is wrong with it.
// CANCELLED: `stop` (may be NULL) was asked to.
MESH_NODISCARD mesh_code tensors_read(train_stop *stop, mesh_view file, tensors **out,
                                      mesh_error *err);

// A note's text; NULL if there is none.
const char *tensors_noted(const tensors *own, const char *key);

// How many numbers array `name` has; 0 if there is none.
size_t tensors_count(const tensors *own, const char *name);

// Copies array `name` out: `count` numbers of `type`. DATA_LOSS: it is not there, or otherwise.
MESH_NODISCARD mesh_code tensors_get(const tensors *own, const char *name, tensor_type type,
                                     size_t count, void *out, mesh_error *err);

#endif
