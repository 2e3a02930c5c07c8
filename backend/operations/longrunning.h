// google.longrunning.Operations: the standard interface on the same names as the OperationsService,
// for generic clients. Each method answers with one message.
#ifndef MILLRACE_BACKEND_OPERATIONS_LONGRUNNING_H
#define MILLRACE_BACKEND_OPERATIONS_LONGRUNNING_H

#include "backend/operations/directory.h"
#include "mesh/rpc/service.h"

typedef struct longrunning_service {
  mesh_service service;  // add this one to a server
  operations_directory directory;
} longrunning_service;

// Prepares the caller's storage; `operations` and `journal` are borrowed.
void longrunning_service_init(longrunning_service *self, mesh_operations *operations,
                              const mesh_journal *journal);

#endif
