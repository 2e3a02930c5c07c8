// The OperationsService: every operation of this backend, by name. A thin layer over
// mesh/operation/operation.h and the journal.
#ifndef MILLRACE_BACKEND_OPERATIONS_SERVICE_H
#define MILLRACE_BACKEND_OPERATIONS_SERVICE_H

#include "backend/operations/directory.h"
#include "mesh/rpc/service.h"

typedef struct operations_service {
  mesh_service service;  // add this one to a server
  operations_directory directory;
} operations_service;

// Prepares the caller's storage; `operations` and `journal` are borrowed.
void operations_service_init(operations_service *self, mesh_operations *operations,
                             const mesh_journal *journal);

#endif
