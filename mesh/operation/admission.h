// mesh_admission: how many operations may start, and how many may run at a time. The one place that
// says no; joining one that runs is not starting. The loop of its operations only.
#ifndef MILLRACE_MESH_OPERATION_ADMISSION_H
#define MILLRACE_MESH_OPERATION_ADMISSION_H

#include <stdint.h>

#include "mesh/runtime/status.h"

typedef struct mesh_admission {
  int64_t running_most;     // 0: any number
  int64_t starts_per_s;     // 0: any number; a pause lets up to ten seconds' worth start at once
  int64_t left, filled_ns;  // the starts that are left, and when that was last counted
} mesh_admission;

// Starts with all that may start at once.
mesh_admission mesh_admission_create(int64_t running_most, int64_t starts_per_s, int64_t now_ns);

// Takes one start, beside `running` operations. RESOURCE_EXHAUSTED with RetryInfo says which number
// is reached (reason TOO_MANY_OPERATIONS or TOO_MANY_STARTS); then nothing is taken.
MESH_NODISCARD mesh_code mesh_admission_take(mesh_admission *admission, int64_t running,
                                             int64_t now_ns, mesh_error *err);

// The same for a part of an operation that runs, beside `parts` others. There are as many places of
// their own for parts: an operation keeps its place while it waits for them. They take no starts.
MESH_NODISCARD mesh_code mesh_admission_take_part(const mesh_admission *admission, int64_t parts,
                                                  mesh_error *err);

#endif
