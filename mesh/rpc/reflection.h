// mesh_reflection: the standard ServerReflection service, v1 and v1alpha, every kind of request.
// One for each server, on its loop.
#ifndef MILLRACE_MESH_RPC_REFLECTION_H
#define MILLRACE_MESH_RPC_REFLECTION_H

#include "mesh/rpc/schema.h"
#include "mesh/rpc/service.h"

typedef struct mesh_reflection mesh_reflection;

// `schema` is borrowed until the destroy. The caller owns what it gets.
mesh_reflection *mesh_reflection_create(const mesh_schema *schema);

// Frees it; its server has stopped. NULL is fine.
void mesh_reflection_destroy(mesh_reflection *reflection);

// Adds a service to what list_services answers. `name` is copied.
void mesh_reflection_list(mesh_reflection *reflection, const char *name);

// The two services to add to a server (v1, v1alpha): index 0 and 1. Borrowed from `reflection`.
const mesh_service *mesh_reflection_service(mesh_reflection *reflection, int index);

#endif
