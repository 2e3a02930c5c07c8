// operation_filter: which operations a caller wants to see, as the journal wants it, from either
// service's request. Any thread.
#ifndef MILLRACE_BACKEND_OPERATIONS_FILTER_H
#define MILLRACE_BACKEND_OPERATIONS_FILTER_H

#include "mesh/operation/journal.h"

enum { OPERATION_FILTER_LIMIT = 100 };  // where a request names none

typedef struct operation_filter {
  mesh_operation_filter filter;  // for the journal; borrows from the members below
  char *kind, *labels;           // owned; NULL: any
} operation_filter;

// Checks and takes a ListOperationsRequest, which must outlive *out. INVALID_ARGUMENT names the bad
// field. Release *out with operation_filter_fini(), whatever this returns.
MESH_NODISCARD mesh_code operation_filter_init(operation_filter *out,
                                               const Millrace__V1__ListOperationsRequest *request,
                                               mesh_error *err);

// Takes the filter of a standard list request: "state=RUNNING AND kind=load AND labels.KEY=VALUE",
// any of these, in any order; "" is all. INVALID_ARGUMENT names the term that is wrong. Release
// *out with operation_filter_fini(), whatever this returns.
MESH_NODISCARD mesh_code operation_filter_parse(operation_filter *out, const char *text,
                                                mesh_error *err);

void operation_filter_fini(operation_filter *filter);

#endif
