#include "cli/commands/up_health.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grpc/health/v1/health.pb-c.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/ib_host.pb-c.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING

static bool says_serving(mesh_frame frame) {
  Grpc__Health__V1__HealthCheckResponse *response = mesh_message_unpack(
      &grpc__health__v1__health_check_response__descriptor, frame.data, frame.size_bytes);
  if (response == NULL) return false;
  bool serving = response->status == SERVING;
  grpc__health__v1__health_check_response__free_unpacked(response, NULL);
  return serving;
}

mesh_code up_await_serving(mesh_scope *scope, const char *name, const char *address,
                           mesh_error *err) {
  mesh_link *link;
  mesh_code code = mesh_link_open(scope->loop, name, address, &link, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_call *call;
  mesh_call_options options = {.wait_for_ready = true};
  code = mesh_call_open(scope, link, "/grpc.health.v1.Health/Watch", (mesh_frame){0}, &options,
                        &call, err);
  bool serving = false;
  while (code == GRPC_STATUS_OK && !serving) {
    mesh_frame frame;
    code = mesh_call_receive(call, &frame, err);
    if (code == GRPC_STATUS_OK && frame.end) {
      code = mesh_link_fail(link, GRPC_STATUS_UNAVAILABLE, "it stopped", err);
    }
    serving = code == GRPC_STATUS_OK && says_serving(frame);
  }
  mesh_call_close(call);
  mesh_link_close(link);
  return code;
}

// Reads a HostStatus; true if its gateway is connected.
static bool read_gateway(mesh_frame frame, char text[UP_GATEWAY_TEXT_MAX]) {
  Millrace__V1__HostStatus *status =
      mesh_message_unpack(&millrace__v1__host_status__descriptor, frame.data, frame.size_bytes);
  if (status == NULL) return false;
  bool ready = status->gateway == MILLRACE__V1__HOST_STATUS__GATEWAY__READY;
  mesh_text_format(text, UP_GATEWAY_TEXT_MAX, "%.*s%s%.*s", MESH_TEXT_SHOWN(status->address, 100),
                   ready ? "" : ": ", MESH_TEXT_SHOWN(ready ? "" : status->detail, 300));
  millrace__v1__host_status__free_unpacked(status, NULL);
  return ready;
}

bool up_await_gateway(mesh_scope *scope, const char *address, int64_t limit_ms,
                      char text[UP_GATEWAY_TEXT_MAX]) {
  mesh_link *link;
  mesh_call *call;
  mesh_error err;
  snprintf(text, UP_GATEWAY_TEXT_MAX, "no answer");
  if (mesh_link_open(scope->loop, "backend", address, &link, &err) != GRPC_STATUS_OK) return false;

  Millrace__V1__HostStatusRequest request = MILLRACE__V1__HOST_STATUS_REQUEST__INIT;
  request.follow = true;
  mesh_frame frame;
  mesh_call_options options = {.timeout_ms = limit_ms};
  mesh_code code = mesh_message_open(scope, link, "/millrace.v1.DataAdapter/Status", &request.base,
                                     &options, &call, &err);
  bool ready = false;
  while (code == GRPC_STATUS_OK && !ready) {
    code = mesh_call_receive(call, &frame, &err);
    if (code != GRPC_STATUS_OK || frame.end) break;
    ready = read_gateway(frame, text);
  }
  mesh_call_close(call);
  mesh_link_close(link);
  return ready;
}

// ---- one question ----

static bool answered(mesh_code code) {
  return code != GRPC_STATUS_UNAVAILABLE && code != GRPC_STATUS_DEADLINE_EXCEEDED &&
         code != GRPC_STATUS_CANCELLED;
}

// Any answer is one: a server that refuses is there.
static bool ask_server(const up_watch *what, mesh_scope *scope) {
  mesh_link *link;
  mesh_call *call = NULL;
  mesh_error err;
  mesh_frame frame = {0};
  mesh_call_options options = {.timeout_ms = what->timeout_ms};
  mesh_code code = mesh_link_open_apart(scope->loop, what->who->name, what->address, &link, &err);
  if (code != GRPC_STATUS_OK) return false;
  code = mesh_call_open(scope, link, "/grpc.health.v1.Health/Check", frame, &options, &call, &err);
  if (code == GRPC_STATUS_OK) code = mesh_call_receive(call, &frame, &err);
  mesh_call_close(call);
  mesh_link_close(link);
  return answered(code);
}

static bool wait_for(int fd, short events, int64_t until_ns) {
  struct pollfd what = {.fd = fd, .events = events};
  int count;
  do {
    int64_t left_ns = until_ns - mesh_now_ns();
    count = left_ns <= 0 ? 0 : poll(&what, 1, (int)(left_ns / MESH_MS_NS) + 1);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

static bool greet(int fd, const struct sockaddr_in *name, int64_t until_ns) {
  static const char hello[] = "API\0\0\0\0\011v100..178";
  if (connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 &&
      (errno != EINPROGRESS || !wait_for(fd, POLLOUT, until_ns))) {
    return false;
  }
  char first;
  ssize_t sent = send(fd, hello, sizeof hello - 1, MSG_NOSIGNAL);
  return sent == sizeof hello - 1 ? wait_for(fd, POLLIN, until_ns) && recv(fd, &first, 1, 0) >= 0
                                  : errno == EPIPE || errno == ECONNRESET;
}

bool up_ask_gateway(const char *address, int64_t timeout_ms) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  const char *colon = strrchr(address, ':');
  char host[64];
  if (colon == NULL) return false;
  mesh_text_format(host, sizeof host, "%.*s", (int)(colon - address), address);
  name.sin_port = htons((uint16_t)atoi(colon + 1));
  if (inet_pton(AF_INET, host, &name.sin_addr) != 1) return false;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool alive = greet(fd, &name, mesh_time_after_ms(mesh_now_ns(), timeout_ms));
  close(fd);
  return alive;
}

typedef struct gateway_job {
  const up_watch *what;
  bool alive;
} gateway_job;

static void do_ask_gateway(void *arg) {
  gateway_job *job = arg;
  job->alive = up_ask_gateway(job->what->address, job->what->timeout_ms);
}

static bool ask(const up_watch *what) {
  if (!what->gateway) return ask_server(what, what->asks);
  gateway_job job = {.what = what};
  mesh_pool_run(what->pool, what->asks->loop, do_ask_gateway, &job);
  return job.alive;
}

// ---- again and again ----

// What is known of the process that runs now.
typedef struct patience {
  pid_t pid;
  int64_t silent_ms;  // of questions in a row that it did not
} patience;

static void tell(const up_watch *what, const char *event, int64_t silent_ms) {
  char text[160];
  mesh_text_format(text, sizeof text, "%.*s was silent for %lld ms",
                   MESH_TEXT_SHOWN(what->address, 100), (long long)silent_ms);
  what->on_change(what->arg, what->who, event, text);
}

static void take_answer(const up_watch *what, patience *own, bool alive) {
  if (alive) {
    if (own->silent_ms > 0) tell(what, "answers again", own->silent_ms);
    own->silent_ms = 0;
    what->who->healthy_pid = own->pid;
    return;
  }
  bool first = own->silent_ms == 0;
  own->silent_ms += what->timeout_ms;
  if (first) tell(what, "does not answer", own->silent_ms);
  int64_t limit_ms = what->who->healthy_pid == own->pid ? what->limit_ms : 10 * what->limit_ms;
  if (limit_ms == 0 || own->silent_ms < limit_ms) return;
  tell(what, "is killed", own->silent_ms);
  child_signal(what->who, SIGKILL);
}

void up_watch_run(const up_watch *what, mesh_scope *scope) {
  patience own = {0};
  mesh_error err;
  int64_t next_ns = mesh_time_after_ms(mesh_now_ns(), what->interval_ms);
  while (mesh_sleep_until(scope, next_ns, &err) == GRPC_STATUS_OK) {
    pid_t pid = what->who->pid;
    next_ns = mesh_time_after_ms(mesh_now_ns(), what->interval_ms);
    if (pid == 0) continue;  // it is being started again
    if (pid != own.pid) own = (patience){.pid = pid};
    int64_t asked_ns = mesh_now_ns();
    bool alive = ask(what);
    if (scope->code != GRPC_STATUS_OK) return;
    if (pid != what->who->pid) continue;  // not the one that was asked
    take_answer(what, &own, alive);
    // An answer that did not come took its time; a refusal is no reason to hurry.
    next_ns = alive ? mesh_time_after_ms(mesh_now_ns(), what->interval_ms)
                    : mesh_time_after_ms(asked_ns, what->timeout_ms);
  }
}
