// mesh_health: the standard grpc.health.v1.Health service: Check, List and Watch. One for each
// server, on its loop.
#ifndef MILLRACE_MESH_RPC_HEALTH_H
#define MILLRACE_MESH_RPC_HEALTH_H

#include "mesh/rpc/service.h"

typedef struct mesh_health mesh_health;

// Knows no service yet. The caller owns it.
mesh_health *mesh_health_create(mesh_loop *loop);

// Frees it; its server has stopped. NULL is fine.
void mesh_health_destroy(mesh_health *health);

// The service to add to a server. Borrowed from `health`.
const mesh_service *mesh_health_service(mesh_health *health);

// Adds a service ("" is the server as a whole) or changes its state; watchers hear of a change at
// once.
void mesh_health_set(mesh_health *health, const char *service, bool serving);

// Every known service becomes NOT_SERVING and stays so, and Watch streams end with UNAVAILABLE: the
// server stops.
void mesh_health_stop(mesh_health *health);

#endif
