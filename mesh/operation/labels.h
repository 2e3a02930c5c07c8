// mesh_labels: the labels of an operation as text, a line "key=value\n" each, in the order of their
// keys: one string to keep, to compare and to search.
#ifndef MILLRACE_MESH_OPERATION_LABELS_H
#define MILLRACE_MESH_OPERATION_LABELS_H

#include "mesh/runtime/status.h"
#include "millrace/v1/operation.pb-c.h"

enum { MESH_LABELS_MAX = 32, MESH_LABEL_KEY_MAX = 63, MESH_LABEL_VALUE_MAX = 255 };

// Makes the text of `count` keys and values; the caller frees *out. INVALID_ARGUMENT names the
// label that is too long, given twice, or has a key other than [a-z][a-z0-9_./-]*.
MESH_NODISCARD mesh_code mesh_labels_make(const char *const *keys, const char *const *values,
                                          size_t count, char **out, mesh_error *err);

// The text of a start's options (NULL: none); the caller frees *out.
MESH_NODISCARD mesh_code mesh_labels_of_start(const Millrace__V1__StartOptions *options, char **out,
                                              mesh_error *err);

// Takes the next label off `*text` into the two buffers; false after the last. A line that is none
// (a damaged record) is passed over.
bool mesh_labels_next(const char **text, char key[MESH_LABEL_KEY_MAX + 1],
                      char value[MESH_LABEL_VALUE_MAX + 1]);

#endif
