// mesh_host_control: millrace.v1.HostControl, on every host program: what it is doing, and how it
// is emptied before it is stopped.
#ifndef MILLRACE_MESH_PROGRAM_HOST_CONTROL_H
#define MILLRACE_MESH_PROGRAM_HOST_CONTROL_H

#include "mesh/program/program.h"

typedef struct mesh_host_control {
  mesh_service service;  // add this one to the server
  const char *name;
  mesh_program *program;
  mesh_server *server;
  int64_t started_ns;
  bool draining;
} mesh_host_control;

// Prepares the caller's storage; `name` ("ib-host") and both pointers are borrowed.
void mesh_host_control_init(mesh_host_control *control, const char *name, mesh_program *program,
                            mesh_server *server);

#endif
