// bench: a client of the backend, as the CLI is one: a link, and straight-line code in a fiber.
// What fails ends the benchmark with a line that says what.
#ifndef MILLRACE_TESTS_BENCH_BACKEND_CLIENT_H
#define MILLRACE_TESTS_BENCH_BACKEND_CLIENT_H

#include "mesh/operation/event.h"
#include "mesh/rpc/call.h"
#include "mesh/runtime/fiber.h"
#include "protobuf-c/protobuf-c.h"

typedef struct backend_client {
  mesh_loop *loop;
  mesh_scope scope;
  mesh_link *link;
} backend_client;

// Runs run(client, arg) in a fiber that is connected to `address`, and returns after it.
void backend_client_run(const char *address, void (*run)(backend_client *client, void *arg),
                        void *arg);

// Calls `method` on `link` with one request. Release the call with mesh_call_close().
mesh_call *backend_client_call(backend_client *client, mesh_link *link, const char *method,
                               const ProtobufCMessage *message);

// Calls DataService/Load for [from_s, to_s), seconds since 1970, attached and without a grace.
// Release it with mesh_call_close().
mesh_call *backend_client_load(backend_client *client, const char *symbol, const char *timeframe,
                               int64_t from_s, int64_t to_s);

// Calls OperationsService/Cancel. Release it with mesh_call_close().
mesh_call *backend_client_cancel(backend_client *client, const char *operation);

// Walks the events of a call.
typedef struct event_walk {
  mesh_call *call;
  mesh_frame frame;
  size_t offset;
} event_walk;

// Waits for the next event; false after the last one. CANCELLED ends the events as well. The event
// is borrowed until the next one.
bool event_walk_next(event_walk *walk, mesh_event *out);

// Ends the benchmark with err's message unless `code` is OK.
void backend_client_check(mesh_code code, const mesh_error *err);

#endif
