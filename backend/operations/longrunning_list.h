// longrunning_list: one page of google.longrunning.Operations.ListOperations.
#ifndef MILLRACE_BACKEND_OPERATIONS_LONGRUNNING_LIST_H
#define MILLRACE_BACKEND_OPERATIONS_LONGRUNNING_LIST_H

#include "backend/operations/directory.h"
#include "google/longrunning/operations.pb-c.h"

// Sends the page that `request` asks for, in one message; a page may be shorter than it could be,
// so that no message gets larger than clients take. INVALID_ARGUMENT names the bad field. In a
// fiber.
MESH_NODISCARD mesh_code longrunning_list(const operations_directory *directory,
                                          const Google__Longrunning__ListOperationsRequest *request,
                                          mesh_call *call, mesh_error *err);

#endif
