// mesh_service: what a server offers: a name, its methods, and what they work on. Tables, mostly
// static; whoever adds one to a server keeps it until the server is destroyed.
#ifndef MILLRACE_MESH_RPC_SERVICE_H
#define MILLRACE_MESH_RPC_SERVICE_H

#include "mesh/rpc/call.h"

// A method: sends with mesh_call_send() and returns the call's status. `request` is the one request
// message, borrowed until it returns (unused if the method streams requests: receive them with
// mesh_call_receive()). The text in a request was checked (mesh_wire_check_text()). In a fiber of
// its own, on the server's loop.
typedef mesh_code (*mesh_method_run)(mesh_call *call, mesh_frame request, void *self,
                                     mesh_error *err);

typedef struct mesh_method {
  const char *name;  // "Load"
  mesh_method_run run;
  bool streams_requests;
  bool while_draining;  // served while the process leaves, too: it refuses new work by itself
  // The fields of its requests that may be long and of several lines, by their full names,
  // "millrace.v1.TrainRequest.strategy"; ends with NULL. NULL: none; every string is a line.
  const char *const *documents;
} mesh_method;

typedef struct mesh_service {
  const char *name;  // "millrace.v1.DataService"
  const mesh_method *methods;
  size_t method_count;
  void *self;  // passed to each method; borrowed
} mesh_service;

#endif
