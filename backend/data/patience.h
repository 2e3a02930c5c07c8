// patience: what a load does while its source is away: one piece asks whether it is back, the
// others wait for the answer. A load has one, for all of its pieces. On the load's loop, in fibers.
#ifndef MILLRACE_BACKEND_DATA_PATIENCE_H
#define MILLRACE_BACKEND_DATA_PATIENCE_H

#include "mesh/operation/operation.h"
#include "mesh/rpc/link.h"
#include "mesh/runtime/fiber.h"

enum { PATIENCE_TEXT_MAX = 256, PATIENCE_PIECE_MAX = 96 };

typedef struct patience {
  // The owner's.
  mesh_operation *operation;
  mesh_link *adapter;
  int64_t limit_ms;  // how long an outage may last
  void (*on_change)(void *owner,
                    const char *note);  // what is waited for, for people; NULL: nothing
  void *owner;

  // Its own; zero.
  int64_t since_s;   // since 1970: when the outage began
  int64_t until_ns;  // monotonic: when the patience ends; 0: the source is there
  bool is_asked;     // it says that it is there, and the piece that asks waits for its answer
  int probes;
  char prober[PATIENCE_PIECE_MAX];  // the piece that asks
  char why[PATIENCE_TEXT_MAX];
  mesh_signal changed;
} patience;

// Whether `err` says that the source, or a program on the way to it, is away, or has had enough for
// now: no piece of the load would fare better. False of all that is about one request.
bool patience_is_for(const mesh_error *err);

// After `piece` met such an error: waits until it should be tried again, and returns OK; an outage
// is one Attempt in the history, however many pieces meet it and however long it lasts. Else the
// code of the error, which then says how long it was waited, once an outage has lasted for
// limit_ms; or the scope's, when it was cancelled. `attempt` is the number of the one that failed.
MESH_NODISCARD mesh_code patience_wait(patience *own, mesh_scope *scope, const char *piece,
                                       int attempt, mesh_error *err);

// The source has answered, whatever it was: the outage, if there is one, is over.
void patience_end(patience *own);

#endif
