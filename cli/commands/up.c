#include "cli/commands/up.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/up_internal.h"
#include "cli/exit_code.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/up_home.h"
#include "mesh/program/process.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"
#include "protos/descriptors.h"

enum { GATEWAY_LIMIT_MS = 3000, STOP_LIMIT_MS = 5000 };

// Whole milliseconds, which check_numbers() has found right.
static long long number_of(const up *own, setting which) {
  return strtoll(up_setting(own, which), NULL, 10);
}

// ---- the children ----

static void stop(up *own) {
  own->stopping = true;
  mesh_signal_notify(&own->changed);
}

// What a child said last, without the log's time and level, in either form of a log.
static const char *last_words(const child *who) {
  static const char *const befores[] = {" ERROR ", "\"text\":\""};
  for (size_t i = 0; i < sizeof befores / sizeof *befores; i++) {
    const char *found = strstr(who->last_line, befores[i]);
    if (found != NULL) return found + strlen(befores[i]);
  }
  return who->last_line;
}

// It cannot start, so that the mesh cannot: the reason is the command's.
static void give_up(up *own, const child *who) {
  if (own->stopping) return;
  const char *words = last_words(who);
  size_t size = strlen(who->name);
  bool named = strncmp(words, who->name, size) == 0 && words[size] == ':';
  command_complain(own->command, "%s%s%s", named ? "" : who->name, named ? "" : ": ", words);
  own->exit_code = who->exit_code == MESH_EXIT_REFUSED ? EXIT_CODE_USAGE : EXIT_CODE_REFUSED;
  stop(own);
}

static void on_child(void *arg, child *who, const char *event) {
  up *own = arg;
  char text[CHILD_LINE_MAX + 64] = "";
  if (strcmp(event, "started") == 0) snprintf(text, sizeof text, "pid %d", who->pid);
  if (strcmp(event, "died") == 0) {
    bool unable = who->exit_code == MESH_EXIT_UNABLE;
    mesh_text_format(text, sizeof text, "with code %d%s%s; starting it again", who->exit_code,
                     unable ? ": " : "", unable ? last_words(who) : "");
  }
  if (strcmp(event, "left") == 0) snprintf(text, sizeof text, "starting it again");
  if (strcmp(event, "refused") == 0) {
    give_up(own, who);
  } else {
    up_say(own, event, who->name, text);
  }
  mesh_signal_notify(&own->changed);
}

static void on_health(void *arg, child *who, const char *event, const char *text) {
  up_say(arg, event, who->name, text);
}

typedef struct supervision {
  up *own;
  child *who;
} supervision;

static void supervise(void *arg) {
  supervision *what = arg;
  up *own = what->own;
  child_supervise(what->who, &own->children_scope, own->pool, on_child, own);
  free(what);
  own->running--;
  mesh_signal_notify(&own->changed);
}

static void start_child(up *own, int index) {
  supervision *what = malloc(sizeof *what);
  if (what == NULL) abort();
  *what = (supervision){own, &own->children[index]};
  own->running++;
  mesh_fiber_start(&own->scope, supervise, what);
}

static void on_signal(void *arg) {
  up *own = arg;
  bool asked = mesh_stop_signal_number(own->stop) == SIGTERM;  // as a service manager stops it
  own->exit_code = asked ? EXIT_CODE_DONE : EXIT_CODE_INTERRUPTED;
  own->told_to_stop = true;
  stop(own);
}

// ---- the fibers ----

// Cancels `scope` as soon as the mesh stops.
static void watch_for_stop(void *arg) {
  up *own = arg;
  mesh_error err;
  while (!own->stopping) {
    if (mesh_signal_wait(&own->changed, &own->scope, MESH_NEVER, &err) != GRPC_STATUS_OK) break;
  }
  mesh_scope_cancel(&own->children_scope, GRPC_STATUS_CANCELLED, "the mesh stops");
}

// Waits a little for the gateway; says how it is.
static void tell_gateway(const up *own, mesh_scope *scope) {
  char text[UP_GATEWAY_TEXT_MAX];
  bool ready = up_await_gateway(scope, own->backend_socket, GATEWAY_LIMIT_MS, text);
  up_say(own, ready ? "connected" : "not connected yet", "gateway", text);
}

static mesh_code await_each(up *own, mesh_scope *waiting, int *index, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (*index = IB_HOST; *index < CHILDREN; ++*index) {
    code = up_await_serving(waiting, up_names[*index], up_address(own, *index), err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return code;
}

// Nobody refused, but one did not become healthy: which, and what is known of it.
static void complain_of(const up *own, int index, const mesh_error *err) {
  const child *who = &own->children[index];
  if (who->restarts == 0) {
    command_complain(own->command, "%s is not healthy after %lld ms: %s", up_names[index],
                     number_of(own, SETTING_UP_START_LIMIT_MS), err->message);
  } else {
    command_complain(own->command,
                     "%s is not healthy after %lld ms; it ended %d times, with code "
                     "%d: %s",
                     up_names[index], number_of(own, SETTING_UP_START_LIMIT_MS), who->restarts,
                     who->exit_code, last_words(who));
  }
}

// A port asks nobody who they are.
static void say_open(const up *own) {
  static const setting ports[] = {SETTING_BACKEND_LISTEN, SETTING_IB_HOST_LISTEN,
                                  SETTING_TRAINING_HOST_LISTEN};
  for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
    const char *address = up_setting(own, ports[i]);
    if (address == NULL || strncmp(address, "unix:", 5) == 0) continue;
    up_say(own, "is open to every user of this machine", address, "a port asks nobody");
  }
}

static void say_ready(up *own) {
  say_open(own);
  char text[CHILD_PATH_MAX + 64];
  mesh_text_format(text, sizeof text, "%lld ms, at %s",
                   (long long)((mesh_now_ns() - own->started_ns) / MESH_MS_NS),
                   own->backend_socket);
  up_say(own, "ready", "mesh", text);
  for (int i = 0; i < CHILDREN; i++)
    own->children[i].healthy_pid = own->children[i].pid;
}

static void become_ready(up *own) {
  mesh_scope waiting;
  mesh_error err;
  int index;
  mesh_scope_open(&waiting, &own->children_scope);
  mesh_scope_set_deadline(
      &waiting, mesh_time_after_ms(mesh_now_ns(), number_of(own, SETTING_UP_START_LIMIT_MS)));
  mesh_code code = await_each(own, &waiting, &index, &err);
  if (code == GRPC_STATUS_OK) tell_gateway(own, &waiting);
  mesh_scope_close(&waiting);
  if (own->stopping) return;
  if (code == GRPC_STATUS_OK) {
    say_ready(own);
    return;
  }
  complain_of(own, index, &err);
  own->exit_code = EXIT_CODE_FAILED;
  stop(own);
}

static void watch_child(void *arg) {
  const up_watch *what = arg;
  up *own = what->arg;
  up_watch_run(what, &own->children_scope);
}

static void start_watch(up *own, int index) {
  own->watches[index] = (up_watch){.who = &own->children[index],
                                   .address = up_address(own, index),
                                   .gateway = index == PAPERGATE,
                                   .pool = own->pool,
                                   .asks = &own->scope,
                                   .interval_ms = number_of(own, SETTING_UP_HEALTH_INTERVAL_MS),
                                   .timeout_ms = number_of(own, SETTING_UP_HEALTH_TIMEOUT_MS),
                                   .limit_ms = number_of(own, SETTING_UP_HEALTH_LIMIT_MS),
                                   .on_change = on_health,
                                   .arg = own};
  if (own->watches[index].interval_ms == 0) return;
  mesh_fiber_start(&own->children_scope, watch_child, &own->watches[index]);
}

static void end_children(up *own) {
  mesh_scope shielded;
  mesh_error err;
  mesh_scope_open_root(&shielded, own->loop);
  for (int i = CHILDREN - 1; i >= 0; i--)
    child_signal(&own->children[i], SIGTERM);
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), STOP_LIMIT_MS);
  while (own->running > 0) {
    mesh_code code = mesh_signal_wait(&own->changed, &shielded, limit_ns, &err);
    if (code == GRPC_STATUS_OK) continue;
    for (int i = 0; i < CHILDREN; i++)
      child_signal(&own->children[i], SIGKILL);
    limit_ns = MESH_NEVER;
  }
  mesh_scope_close(&shielded);
}

static void main_fiber(void *arg) {
  up *own = arg;
  mesh_scope_open(&own->children_scope, &own->scope);
  mesh_fiber_start(&own->scope, watch_for_stop, own);
  for (int i = 0; i < CHILDREN; i++) {
    if (!up_is_ours(own, i)) continue;
    start_child(own, i);
    start_watch(own, i);
  }
  become_ready(own);
  mesh_error err;
  while (!own->stopping) {
    if (mesh_signal_wait(&own->changed, &own->scope, MESH_NEVER, &err) != GRPC_STATUS_OK) break;
  }
  mesh_yield(own->loop);  // watch_for_stop cancels the supervisors' scope
  end_children(own);
  mesh_scope_close(&own->children_scope);
  if (own->told_to_stop) up_say(own, "stopped", "mesh", "");
  mesh_loop_stop(own->loop);
}

// ---- start ----

static mesh_code check_numbers(const up *own, mesh_error *err) {
  static const setting times[] = {SETTING_UP_START_LIMIT_MS, SETTING_UP_HEALTH_INTERVAL_MS,
                                  SETTING_UP_HEALTH_TIMEOUT_MS, SETTING_UP_HEALTH_LIMIT_MS};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    bool never =
        times[i] == SETTING_UP_HEALTH_INTERVAL_MS || times[i] == SETTING_UP_HEALTH_LIMIT_MS;
    long long least = never ? 0 : 1, value = number_of(own, times[i]);
    if (value >= least) continue;
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s is %lld: use %lld or more milliseconds",
                     settings_key(times[i]), value, least);
  }
  return GRPC_STATUS_OK;
}

// What an `up` that was killed left: it would be in the way of what starts now.
static mesh_code end_orphans(const up *own, mesh_error *err) {
  for (int i = CHILDREN - 1; i >= 0; i--) {
    char path[CHILD_PATH_MAX], text[64];
    pid_t pid;
    snprintf(path, sizeof path, "%.*s/run/%s.lock",
             MESH_TEXT_SHOWN(up_setting(own, SETTING_HOME), 4000), up_names[i]);
    mesh_code code = child_end_orphan(path, STOP_LIMIT_MS, &pid, err);
    if (code != GRPC_STATUS_OK) return code;
    if (pid == 0) continue;
    snprintf(text, sizeof text, "pid %d, left by a mesh that was killed", (int)pid);
    up_say(own, "ended", up_names[i], text);
  }
  return GRPC_STATUS_OK;
}

static mesh_code prepare(up *own, const args *given, mesh_error *err) {
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_schema *schema;
  mesh_code code = mesh_schema_create(descriptors, &schema, err);
  if (code == GRPC_STATUS_OK) code = settings_read(schema, given, &own->settings, err);
  mesh_schema_destroy(schema);
  if (code != GRPC_STATUS_OK) return code;
  const char *home = up_setting(own, SETTING_HOME);
  own->json = strcmp(up_setting(own, SETTING_OUTPUT), "json") == 0;
  snprintf(own->ib_socket, sizeof own->ib_socket, "%s", up_setting(own, SETTING_IB_HOST_ADDRESS));
  snprintf(own->training_socket, sizeof own->training_socket, "%s",
           up_setting(own, SETTING_TRAINING_HOST_ADDRESS));
  snprintf(own->backend_socket, sizeof own->backend_socket, "unix:%.*s/run/backend.sock",
           MESH_TEXT_SHOWN(home, 4000));
  code = check_numbers(own, err);
  if (code == GRPC_STATUS_OK) code = up_home_take(home, &own->lock, err);
  if (code == GRPC_STATUS_OK) code = end_orphans(own, err);
  if (code == GRPC_STATUS_OK) code = up_describe(own, err);
  return code;
}

static void run(up *own) {
  mesh_process_block_signals();
  mesh_process_raise_descriptors();
  own->loop = mesh_loop_create();
  own->pool = mesh_pool_create(CHILDREN + 1);  // one waits for each; one asks the gateway
  mesh_scope_open_root(&own->scope, own->loop);
  own->stop = mesh_stop_signal_create(own->loop, on_signal, own);
  mesh_fiber_start(&own->scope, main_fiber, own);
  mesh_loop_run(own->loop);
  mesh_stop_signal_destroy(own->stop);
  mesh_scope_close(&own->scope);
  mesh_pool_destroy(own->pool);
  mesh_loop_destroy(own->loop);
}

int cmd_up(const command *self, const args *given) {
  mesh_error err;
  mesh_process_keep_private();
  up *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->command = self;
  own->lock = -1;
  own->started_ns = mesh_now_ns();
  mesh_code code = prepare(own, given, &err);
  if (code == GRPC_STATUS_OK) {
    run(own);
  } else {
    command_complain(self, "%s", err.message);
    own->exit_code = exit_code_of(code);
  }
  if (own->gateway_fd > 0) close(own->gateway_fd);
  if (own->lock >= 0) close(own->lock);
  int exit_code = own->exit_code;
  free(own);
  return exit_code;
}
