// follow: an operation's events, from its start to its outcome: printed as they come, with a live
// line on a terminal, reattached when the stream breaks, cancelled by Ctrl-C. In the client's
// fiber.
#ifndef MILLRACE_CLI_FOLLOW_H
#define MILLRACE_CLI_FOLLOW_H

#include "cli/client.h"
#include "cli/outage.h"
#include "cli/timing.h"
#include "mesh/operation/event.h"
#include "millrace/v1/operation.pb-c.h"

enum { FOLLOW_NAME_MAX = 64, FOLLOW_TEXT_MAX = 200 };

typedef struct follow {
  client *client;
  bool until_accepted;  // leave as soon as the operation exists
  timing *times;        // not NULL: where each event's time is added
  bool starts;     // the command starts the operation: Ctrl-C cancels it, if nobody else has it
  bool shared_id;  // under a request id that others may use, too

  char name[FOLLOW_NAME_MAX];  // "" until the first event
  char title[FOLLOW_TEXT_MAX];
  bool detached, accepted;
  bool joined;                     // it was there before: somebody else started it
  int64_t sequence;                // of the last durable event
  int last_epoch;                  // of a training, that was shown
  Millrace__V1__Outcome *outcome;  // owned; NULL until it came
  int64_t cancel_ns;  // when Ctrl-C asked for the end, on the wall clock; 0: it did not
  int64_t heard_ns;   // when the last event came, monotonic
  int64_t drawn_ns;   // when the live line was drawn
  bool line_shown;
  int64_t event_ns;                  // of the event that is printed, by its own clock
  outage away;                       // that was told last
  Millrace__V1__Progress *progress;  // owned; the last; NULL until one came
  mesh_timer still;                  // where there is no live line: a line now and then
  int64_t still_ms;                  // how often; 0: 10 s
  int stills;                        // lines that were written so
  mesh_scope asking;                 // of the fiber that asks for the end
} follow;

// Calls `method` and follows the operation that it starts or names. OK once there is an outcome,
// whatever it is. Release `own` with follow_clear().
MESH_NODISCARD mesh_code follow_run(follow *own, client *client, const char *method,
                                    const ProtobufCMessage *request, mesh_error *err);

// Tells the outcome of an operation that was followed. OK if it succeeded in full; its error
// otherwise, and the client's exit code.
MESH_NODISCARD mesh_code follow_conclude(follow *own, mesh_error *err);

// Frees what it owns; it can be used again. The client stays.
void follow_clear(follow *own);

#endif
