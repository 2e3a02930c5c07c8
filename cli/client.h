// client: what every command that calls the mesh shares: a loop, one fiber, the link to the
// backend, Ctrl-C, and how its end is told. One thread; the functions are called in the fiber.
#ifndef MILLRACE_CLI_CLIENT_H
#define MILLRACE_CLI_CLIENT_H

#include <protobuf-c/protobuf-c.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/settings.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/schema.h"
#include "mesh/runtime/fiber.h"

typedef struct client client;

// A command's body. Its code becomes the exit code, and its error the line on standard error.
typedef mesh_code (*client_run)(client *own, mesh_error *err);

struct client {
  const command *command;
  const args *given;
  settings settings;
  bool json;      // one JSON object a line
  bool terminal;  // standard output is one, and text is wanted
  bool live;      // and it can take a line back
  mesh_loop *loop;
  mesh_scope scope;  // of the command; cancelled by Ctrl-C and by --deadline
  mesh_link *backend;
  mesh_schema *schema;  // made by the first use

  bool interrupted;                 // Ctrl-C
  void (*on_interrupt)(void *arg);  // what Ctrl-C does; NULL: it cancels the scope
  void *on_interrupt_arg;
  bool connected;     // the backend has answered this command
  bool streaming;     // a stream without end was heard: whatever is away comes back
  int64_t silent_ms;  // a stream that is silent for so long is dead; 0: 45 s
  int exit_code;      // not 0: counts more than what the body's code means
  client_run run;
};

// Runs `run` in a fiber and returns the exit code.
int client_main(const command *self, const args *given, client_run run);

// Called for each message of a stream; another code than OK ends the call.
typedef mesh_code (*client_each)(client *own, mesh_frame frame, void *arg, mesh_error *err);

// True if `err` says that our own link to the backend failed.
bool client_backend_is_down(const client *own, const mesh_error *err);

// After attempt number `attempt` failed with `err`, `since_ns` after the first: waits and returns
// OK where the backend, or a host of this home, is only being started again: it leaves (DRAINING),
// or its link is down while `millrace up` runs in this home, or the backend had answered before.
// Else, and after `limit_s`, the error's code.
MESH_NODISCARD mesh_code client_retry(client *own, int attempt, int64_t since_ns, int limit_s,
                                      mesh_error *err);

// Calls `method` on the backend and passes on what it streams. Calls again as client_retry() says,
// as long as nothing was passed on.
MESH_NODISCARD mesh_code client_call(client *own, const char *method,
                                     const ProtobufCMessage *request, client_each each, void *arg,
                                     mesh_error *err);

// As mesh_call_open(), with a message of protobuf-c.
MESH_NODISCARD mesh_code client_open(mesh_scope *scope, mesh_link *link, const char *method,
                                     const ProtobufCMessage *request,
                                     const mesh_call_options *options, mesh_call **out,
                                     mesh_error *err);

// The descriptors of every service and message. Owned by `own`.
const mesh_schema *client_schema(client *own);

// Prints a message of `type` as one line of JSON and hands it on at once.
MESH_NODISCARD mesh_code client_print_json(client *own, const char *type, mesh_view message,
                                           mesh_error *err);

// The same, but handed on with what comes next: whoever prints several flushes once.
MESH_NODISCARD mesh_code client_put_json(client *own, const char *type, mesh_view message,
                                         mesh_error *err);

// UNAVAILABLE: a stream that has no end has ended, or an operation's without an outcome.
mesh_code client_ended_early(const char *method, mesh_error *err);

// The error of a message that cannot be decoded.
mesh_code client_bad_reply(const char *type, mesh_error *err);

#endif
