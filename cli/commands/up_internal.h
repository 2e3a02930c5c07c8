// What the files of `millrace up` share: the mesh while it is up, and its programs.
#ifndef MILLRACE_CLI_COMMANDS_UP_INTERNAL_H
#define MILLRACE_CLI_COMMANDS_UP_INTERNAL_H

#include "cli/child.h"
#include "cli/command.h"
#include "cli/commands/up_health.h"
#include "cli/settings.h"
#include "cli/up_home.h"
#include "mesh/program/process.h"
#include "mesh/runtime/fiber.h"

enum { PAPERGATE, IB_HOST, TRAINING_HOST, BACKEND, CHILDREN };

// Everything that lives as long as the mesh.
typedef struct up {
  const command *command;
  settings settings;
  bool json;
  int lock;
  int gateway_fd;  // papergate's socket, which listens as long as the mesh is up; 0: none
  mesh_loop *loop;
  mesh_stop_signal *stop;
  mesh_scope scope;           // of this program
  mesh_scope children_scope;  // cancelled to end the children
  mesh_pool *pool;
  child children[CHILDREN];
  up_watch watches[CHILDREN];
  int running;  // fibers that supervise
  char ib_socket[CHILD_PATH_MAX], training_socket[CHILD_PATH_MAX], backend_socket[CHILD_PATH_MAX];
  char limits[SETTING_LIMITS_OPERATIONS - SETTING_LIMITS_FIRST][48];  // words for the children
  char gateway[160], port[8], gateway_fd_text[12], market[UP_PATH_MAX], more[UP_PATH_MAX];
  int64_t started_ns;
  bool stopping, told_to_stop;
  mesh_signal changed;
  int exit_code;
} up;

// Their names in what is told, and of their logs and locks.
extern const char *const up_names[CHILDREN];

// The value of a setting; NULL where nothing is set.
const char *up_setting(const up *own, setting which);

// Tells of `event` of the piece `who`: a line for a person, or one JSON object.
void up_say(const up *own, const char *event, const char *who, const char *text);

// Fills own->children with programs and command lines as the settings say. NOT_FOUND: a program is
// not there.
MESH_NODISCARD mesh_code up_describe(up *own, mesh_error *err);

// False for a host that is configured elsewhere, and for papergate beside a real gateway.
bool up_is_ours(const up *own, int index);

// Where a child listens: unix:/path, or host:port of the gateway. Borrowed.
const char *up_address(const up *own, int index);

#endif
