// Whether what was started can do its work. In fibers.
#ifndef MILLRACE_CLI_COMMANDS_UP_HEALTH_H
#define MILLRACE_CLI_COMMANDS_UP_HEALTH_H

#include "cli/child.h"
#include "mesh/runtime/scope.h"

enum { UP_GATEWAY_TEXT_MAX = 512 };  // bytes, with the NUL

// Waits until the server at `address` says that it serves, or `scope` ends.
MESH_NODISCARD mesh_code up_await_serving(mesh_scope *scope, const char *name, const char *address,
                                          mesh_error *err);

// Waits up to `limit_ms` until the backend at `address` says that the gateway is connected; true if
// it is. `text` is where the gateway is, and what is wrong with it.
bool up_await_gateway(mesh_scope *scope, const char *address, int64_t limit_ms,
                      char text[UP_GATEWAY_TEXT_MAX]);

// What watches one program: asks it for its health over a new connection, again and again.
typedef struct up_watch {
  child *who;
  const char *address;  // unix:/path or host:port; borrowed
  bool gateway;         // it speaks TWS, not gRPC
  mesh_pool *pool;      // for the gateway; a thread of it is taken for as long as an answer takes
  // Of the questions. Not the one that ends the watching: one that is asked goes on to its answer,
  // or its program's end. A connection that is given up half made is never freed by gRPC.
  mesh_scope *asks;
  int64_t interval_ms, timeout_ms;
  int64_t limit_ms;  // 0: never
  // Told "does not answer", "answers again" and "is killed", with a text.
  void (*on_change)(void *arg, child *who, const char *event, const char *text);
  void *arg;
} up_watch;

// Watches until `scope` ends. A program that does not answer is named, and killed after the limit:
// whoever supervises it starts it again. The limit counts unanswered questions, not the time that
// went by, in which this process itself may have been stopped.
void up_watch_run(const up_watch *what, mesh_scope *scope);

// Asks a gateway at host:port for its greeting over a new connection; blocks up to `timeout_ms`.
// True if it answers in any way, a closed connection included.
bool up_ask_gateway(const char *address, int64_t timeout_ms);

#endif
