#include "mesh/program/process.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct mesh_stop_signal {
  mesh_loop *loop;
  mesh_op op;
  void (*on_stop)(void *arg);
  void *arg;
  atomic_int number;   // written before the post
  atomic_bool ending;  // written before the thread's last signal
  pthread_t thread;
};

int mesh_process_exit_code(mesh_code code) {
  switch (code) {
    case GRPC_STATUS_OK:
      return 0;
    case GRPC_STATUS_INVALID_ARGUMENT:
    case GRPC_STATUS_FAILED_PRECONDITION:
    case GRPC_STATUS_DATA_LOSS:
    case GRPC_STATUS_ABORTED:
      return MESH_EXIT_REFUSED;
    default:
      return MESH_EXIT_UNABLE;
  }
}

static sigset_t stop_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

void mesh_process_block_signals(void) {
  sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

void mesh_process_keep_private(void) {
  umask(0077);
}

void mesh_process_raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void mesh_process_exit_with_parent(void) {
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) raise(SIGTERM);  // it died before the call
}

static void on_op(mesh_op *op, bool ok) {
  (void)ok;
  mesh_stop_signal *own = MESH_CONTAINER_OF(op, mesh_stop_signal, op);
  own->on_stop(own->arg);
}

// The next stop signal; 0: none, mesh_stop_signal_destroy() ends the thread. What wakes it then is
// one of the same signals: no other number is the thread's own, which some process might send.
static int await_signal(mesh_stop_signal *own) {
  sigset_t set = stop_signals();
  int number = 0;
  sigwait(&set, &number);
  return atomic_load(&own->ending) ? 0 : number;
}

static void *wait_for_signals(void *arg) {
  mesh_stop_signal *own = arg;
  int number = await_signal(own);
  if (number == 0) return NULL;
  atomic_store(&own->number, number);
  mesh_loop_post(own->loop, &own->op);
  number = await_signal(own);
  if (number != 0) _exit(128 + number);
  return NULL;
}

mesh_stop_signal *mesh_stop_signal_create(mesh_loop *loop, void (*on_stop)(void *arg), void *arg) {
  mesh_stop_signal *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->loop = loop;
  own->op.on_done = on_op;
  own->op.name = "stop signal";
  own->on_stop = on_stop;
  own->arg = arg;
  if (pthread_create(&own->thread, NULL, wait_for_signals, own) != 0) abort();
  return own;
}

int mesh_stop_signal_number(const mesh_stop_signal *own) {
  return atomic_load(&own->number);
}

void mesh_stop_signal_destroy(mesh_stop_signal *own) {
  if (own == NULL) return;
  atomic_store(&own->ending, true);
  pthread_kill(own->thread, SIGTERM);
  pthread_join(own->thread, NULL);
  free(own);
}
