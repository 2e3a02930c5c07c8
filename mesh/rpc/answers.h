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
  int64_t begun;        // messages so far: the number of the next one
  mesh_log_pace ended;  // of calls that were ended for want of room
} mesh_answers_room;

// One message that waits. Zeroed: it does not.
typedef struct mesh_answer {
  mesh_answers *of;  // NULL: it does not
  struct mesh_answers_line *line;
  mesh_scope *call;  // borrowed: the call's
  int64_t bytes;
  int64_t number;  // of the order in which they began
  struct mesh_answer *newer, *older;
} mesh_answer;

// What one peer holds. Zeroed but for the room and the name.
struct mesh_answers {
  mesh_answers_room *room;
  const char *name;  // borrowed: the peer's, for the log
  int64_t bytes;
  mesh_answer *newest, *oldest;
  mesh_answers *next, *previous;
};

// One of its connections. Zeroed but for `of` and `on_stuck`.
typedef struct mesh_answers_line {
  mesh_answers *of;
  int lost;  // messages that were given up since it has taken one
  // It has lost several in a row: gRPC may hold what was given up for as long as the peer reads
  // nothing, so that only the end of the connection gives it back.
  void (*on_stuck)(struct mesh_answers_line *line);
} mesh_answers_line;

// `bytes` more wait for the peer, on the call of `scope`. While that is too much for the room, the
// message that has waited longest is given up, its call's scope cancelled with RESOURCE_EXHAUSTED:
// of a peer that holds more than a quarter, and else of all, because who has a process, or an
// address, for each message is not seen to hold much. Whoever takes what he is sent has none that
// is old. A message that is larger than the room is given up itself.
void mesh_answer_begin(mesh_answer *answer, mesh_answers_line *line, mesh_scope *call,
                       int64_t bytes);

// The message was taken, or never will be. Nothing where it does not wait.
void mesh_answer_end(mesh_answer *answer, bool taken);

#endif
