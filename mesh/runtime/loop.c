#include "mesh/runtime/loop.h"

#include <assert.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mesh/runtime/loop_internal.h"

int64_t mesh_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return mesh_time_join(now.tv_sec, now.tv_nsec);
}

int64_t mesh_wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return mesh_time_join(now.tv_sec, now.tv_nsec);
}

// A socket has room for more than ROOM_BYTES, whatever its kind: Linux gives one of TCP 16 KiB to
// begin with, and a Unix socket 208.
enum { WAKE_POLLER_MS = 5, ROOM_BYTES = 16 << 10 };

static void *allocate(size_t size_bytes) {
  void *memory = calloc(1, size_bytes);
  if (memory == NULL) abort();
  return memory;
}

// An op that is already there: completes when the inbox has something for the loop.
static void on_wake(mesh_op *op, bool ok) {
  (void)op;
  (void)ok;
}

// A call that never goes anywhere: an empty batch on it completes at once, on our queue. It is how
// other threads wake the loop with public API (docs/decisions/).
static grpc_call *create_wake_call(mesh_loop *loop) {
  loop->wake_channel =
      grpc_lame_client_channel_create("mesh-loop", GRPC_STATUS_UNAVAILABLE, "wake-up only");
  return grpc_channel_create_call(loop->wake_channel, NULL, 0, loop->queue,
                                  grpc_slice_from_static_string("/mesh/wake"), NULL,
                                  gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

mesh_loop *mesh_loop_create(void) {
  grpc_init();
  mesh_loop *loop = allocate(sizeof *loop);
  loop->queue = grpc_completion_queue_create_for_next(NULL);
  loop->wake_call = create_wake_call(loop);
  loop->wake.on_done = on_wake;
  loop->wake.name = "wake";
  loop->inbox_tail = &loop->inbox;
  loop->ready_tail = &loop->ready;
  pthread_mutex_init(&loop->lock, NULL);
  return loop;
}

void mesh_loop_count_sent(mesh_loop *loop, size_t size_bytes) {
  size_t left_bytes = SIZE_MAX - loop->sent_bytes;
  loop->sent_bytes += size_bytes < left_bytes ? size_bytes : left_bytes;
}

// A write that had to wait leaves gRPC a thread that polls for ten seconds, whatever else ends, and
// its shutdown waits for that thread. A descriptor with something to tell wakes it: the end of a
// connection, which it answers with its own end. Where there is no such thread nobody does, and all
// the time is spent: not by a loop, as a short command's, whose every write found room.
static void wake_poller(const mesh_loop *loop) {
  if (loop->sent_bytes <= ROOM_BYTES) return;
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) return;
  grpc_channel_credentials *plain = grpc_insecure_credentials_create();
  grpc_channel *channel = grpc_channel_create_from_fd("wake", fds[0], plain, NULL);
  grpc_channel_credentials_release(plain);
  shutdown(fds[1], SHUT_WR);
  poll(&(struct pollfd){.fd = fds[1], .events = POLLRDHUP}, 1, WAKE_POLLER_MS);
  grpc_channel_destroy(channel);
  close(fds[1]);
}

grpc_completion_queue *mesh_loop_queue(mesh_loop *loop) {
  return loop->queue;
}

void mesh_op_start(mesh_loop *loop, mesh_op *op) {
  assert(!op->pending);
  op->pending = true;
  loop->in_flight++;
}

void mesh_op_abandon(mesh_loop *loop, mesh_op *op) {
  assert(op->pending);
  op->pending = false;
  loop->in_flight--;
}

void mesh_loop_post(mesh_loop *loop, mesh_op *op) {
  op->next = NULL;
  pthread_mutex_lock(&loop->lock);
  assert(!op->pending);
  op->pending = true;
  bool was_empty = loop->inbox == NULL && !loop->waking;
  *loop->inbox_tail = op;
  loop->inbox_tail = &op->next;
  if (was_empty) loop->waking = true;
  pthread_mutex_unlock(&loop->lock);
  // Outside the lock: gRPC may run its own work on this thread before it returns.
  if (was_empty) grpc_call_start_batch(loop->wake_call, NULL, 0, &loop->wake, NULL);
}

void mesh_loop_defer(mesh_loop *loop, mesh_op *op) {
  assert(!op->pending);
  op->pending = true;
  op->next = NULL;
  *loop->ready_tail = op;
  loop->ready_tail = &op->next;
}

void mesh_loop_stop(mesh_loop *loop) {
  pthread_mutex_lock(&loop->lock);
  loop->stopping = true;
  bool wake = !loop->waking;
  loop->waking = true;
  pthread_mutex_unlock(&loop->lock);
  if (wake) grpc_call_start_batch(loop->wake_call, NULL, 0, &loop->wake, NULL);
}

static void finish(mesh_op *op, bool ok) {
  op->pending = false;
  op->on_done(op, ok);
}

// Moves what other threads posted behind what is ready here. Returns true when the loop was asked
// to stop.
static bool take_inbox(mesh_loop *loop) {
  pthread_mutex_lock(&loop->lock);
  loop->waking = false;
  if (loop->inbox != NULL) {
    *loop->ready_tail = loop->inbox;
    loop->ready_tail = loop->inbox_tail;
    loop->inbox = NULL;
    loop->inbox_tail = &loop->inbox;
  }
  bool stopping = loop->stopping;
  loop->stopping = false;
  pthread_mutex_unlock(&loop->lock);
  return stopping;
}

// Runs what was ready at the start of the turn; what that makes ready waits for the next turn.
static void run_ready(mesh_loop *loop) {
  mesh_op *op = loop->ready;
  loop->ready = NULL;
  loop->ready_tail = &loop->ready;
  while (op != NULL) {
    mesh_op *next = op->next;
    finish(op, true);
    op = next;
  }
}

static gpr_timespec next_deadline(const mesh_loop *loop) {
  if (loop->ready != NULL) return gpr_inf_past(GPR_CLOCK_MONOTONIC);
  if (loop->timer_count == 0) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return mesh_deadline(loop->timers[0]->due_ns);
}

// True when the loop was asked to stop.
static bool take_event(mesh_loop *loop, grpc_event event) {
  if (event.type != GRPC_OP_COMPLETE) return false;
  if (event.tag == &loop->wake) return take_inbox(loop);
  loop->in_flight--;
  finish(event.tag, event.success != 0);
  return false;
}

void mesh_loop_run(mesh_loop *loop) {
  for (;;) {
    run_ready(loop);
    if (loop->timer_count > 0) mesh_timers_run(loop, mesh_now_ns());
    if (take_event(loop, grpc_completion_queue_next(loop->queue, next_deadline(loop), NULL))) {
      return;
    }
  }
}

// What gRPC has yet to complete when the loop has stopped, such as a batch of a call that was
// closed meanwhile, still gets its callback: it may free what it is part of.
static void finish_in_flight(mesh_loop *loop) {
  gpr_timespec never = gpr_inf_future(GPR_CLOCK_MONOTONIC);
  while (loop->in_flight > 0)
    take_event(loop, grpc_completion_queue_next(loop->queue, never, NULL));
}

void mesh_loop_destroy(mesh_loop *loop) {
  if (loop == NULL) return;
  finish_in_flight(loop);
  assert(loop->ready == NULL && loop->inbox == NULL && loop->timer_count == 0);
  mesh_stacks_free(loop);
  grpc_call_unref(loop->wake_call);
  grpc_channel_destroy(loop->wake_channel);
  grpc_completion_queue_shutdown(loop->queue);
  gpr_timespec never = gpr_inf_future(GPR_CLOCK_MONOTONIC);
  while (grpc_completion_queue_next(loop->queue, never, NULL).type != GRPC_QUEUE_SHUTDOWN) {
  }
  grpc_completion_queue_destroy(loop->queue);
  pthread_mutex_destroy(&loop->lock);
  free(loop->timers);
  wake_poller(loop);
  free(loop);
  grpc_shutdown_blocking();
}
