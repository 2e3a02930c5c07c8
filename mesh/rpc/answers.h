// mesh_answers: messages that were given to gRPC and that their peer has not taken yet, bounded for
// all peers of a server together. A send waits until its peer takes the message, for as long as
// that wants (`data export | less`); what so many calls hold would have no bound of its own,
// because gRPC's resource quota counts what it gathers, and not what it is to send. One loop only.
#ifndef MILLRACE_MESH_RPC_ANSWERS_H
#define MILLRACE_MESH_RPC_ANSWERS_H

#include "mesh/runtime/log.h"
#include "mesh/runtime/scope.h"

typedef struct mesh_answers mesh_answers;

// What all peers together hold.
typedef struct mesh_answers_room {
  int64_t most;  // bytes; the owner's
  int64_t bytes;
  mesh_answers *first;  // those who hold something
  mesh_log_pace ended;  // of calls that were ended for want of room
} mesh_answers_room;

// One message that waits. Zeroed: it does not.
typedef struct mesh_answer {
  mesh_answers *of;  // NULL: it does not
  mesh_scope *call;  // borrowed: the call's
  int64_t bytes;
  struct mesh_answer *newer, *older;
} mesh_answer;

// What one peer holds. Zeroed but for the room and the name.
struct mesh_answers {
  mesh_answers_room *room;
  const char *name;  // borrowed: the peer's, for the log
  int64_t bytes;
  mesh_answer *newest;
  mesh_answers *next, *previous;
};

// `bytes` more wait for the peer, on the call of `scope`. Where that is too much for the room, the
// peer that holds most loses its newest call, until it is not: the call's scope is cancelled with
// RESOURCE_EXHAUSTED. It may be this one.
void mesh_answer_begin(mesh_answer *answer, mesh_answers *of, mesh_scope *call, int64_t bytes);

// The message has gone, or never will. Nothing where it does not wait.
void mesh_answer_end(mesh_answer *answer);

#endif
