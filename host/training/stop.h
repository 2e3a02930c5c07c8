// train_stop: how long work on a pool thread hears that nobody wants what comes of it any more. Who
// waits for the work asks it to stop, from any thread; the work looks after each bounded piece,
// leaves what it has made as it is, and returns; its caller looks once more, and throws that away.
#ifndef MILLRACE_HOST_TRAINING_STOP_H
#define MILLRACE_HOST_TRAINING_STOP_H

#include <stdbool.h>
#include <stddef.h>

#include "mesh/runtime/status.h"

// In the caller's storage; zero it first. A pointer to one may be NULL
// everywhere: never.
typedef struct train_stop train_stop;

#ifndef __cplusplus  // C++ has other atomics, and looks only
#include <stdatomic.h>
struct train_stop {
  atomic_bool asked;
  atomic_size_t looks;  // how often the work has looked: what tests count, instead of time
};
#endif

// Asks, once and for all. Any thread.
void train_stop_ask(train_stop *stop);

// True once it was asked for. The one place where work looks.
bool train_stopped(train_stop *stop);

// CANCELLED once it was asked for.
MESH_NODISCARD mesh_code train_stop_check(train_stop *stop, mesh_error *err);

// Numbers that are looked at between two looks: a few hundred microseconds, where each takes some
// nanoseconds, on a slow machine as well.
enum { TRAIN_STOP_PIECE = 32768 };

// A loop's condition: `done` begins as 0 and counts what was looked at; this turn will look at
// `more` numbers. False once it was asked to stop.
static inline bool train_goes_on(train_stop *stop, size_t *done, size_t more) {
  *done += more;
  if (*done < TRAIN_STOP_PIECE) return true;
  *done = 0;
  return !train_stopped(stop);
}

// The end of the piece that begins at `at` of `count` numbers, which cost `each` others; 0 once it
// was asked to stop.
static inline size_t train_piece_end(train_stop *stop, size_t at, size_t count, size_t each) {
  size_t piece = each < TRAIN_STOP_PIECE ? TRAIN_STOP_PIECE / (each > 0 ? each : 1) : 1;
  if (train_stopped(stop)) return 0;
  return count - at < piece ? count : at + piece;
}

// for (size_t i = first; i < count; i++), with a look at `stop` before each piece: inside of one
// it is a plain loop, that a compiler makes a fast one. `break` leaves a piece only.
#define TRAIN_EACH(stop, i, first, count, each)                                           \
  for (size_t piece_ = (first), end_;                                                     \
       piece_ < (count) && (end_ = train_piece_end((stop), piece_, (count), (each))) > 0; \
       piece_ = end_)                                                                     \
    for (size_t i = piece_; i < end_; i++)

#endif
