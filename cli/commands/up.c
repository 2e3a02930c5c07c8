#include "cli/commands/up.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/commands/up_health.h"
#include "cli/exit_code.h"
#include "cli/settings.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/up_home.h"
#include "mesh/program/process.h"
#include "mesh/rpc/limits.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"
#include "protos/descriptors.h"

enum { PAPERGATE, IB_HOST, TRAINING_HOST, BACKEND, CHILDREN };

enum { GATEWAY_LIMIT_MS = 3000, STOP_LIMIT_MS = 5000 };

// Their names in what is told, and of their logs and locks.
static const char *const names[CHILDREN] = {"papergate", "ib-host", "training-host", "backend"};

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

// ---- what a person or a program is told ----

static void say(const up *own, const char *event, const char *who, const char *text) {
  if (own->json) {
    print_text(stdout, "{\"event\":\"%s\",\"piece\":\"%s\",\"detail\":", event, who);
    print_json_string(stdout, text);
    print_text(stdout, "}\n");
  } else {
    print_text(stdout, "%-10s %s%s%s\n", who, event, text[0] != '\0' ? ": " : "", text);
  }
  fflush(stdout);
}

static const char *setting_of(const up *own, setting which) {
  return settings_get(&own->settings, which);
}

// Whole milliseconds, which check_numbers() has found right.
static long long number_of(const up *own, setting which) {
  return strtoll(setting_of(own, which), NULL, 10);
}

// ---- the children ----

static void stop(up *own) {
  own->stopping = true;
  mesh_signal_notify(&own->changed);
}

// What a child said last, without the log's time and level.
static const char *last_words(const child *who) {
  static const char level[] = " ERROR ";
  const char *found = strstr(who->last_line, level);
  return found != NULL ? found + sizeof level - 1 : who->last_line;
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
    say(own, event, who->name, text);
  }
  mesh_signal_notify(&own->changed);
}

static void on_health(void *arg, child *who, const char *event, const char *text) {
  say(arg, event, who->name, text);
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

// The command line of a child, as it grows.
typedef struct command_line {
  child *who;
  int count;
} command_line;

static void add_word(command_line *line, const char *word) {
  assert(line->count < CHILD_ARGS_MAX - 1);
  line->who->args[line->count++] = word;
}

// Adds a flag with its value; nothing where the value is not set.
static void add_flag(command_line *line, const char *flag, const char *value) {
  if (value == NULL) return;
  add_word(line, flag);
  add_word(line, value);
}

static void add_log_flags(up *own, command_line *line) {
  add_flag(line, "--log-level", setting_of(own, SETTING_LOG_LEVEL));
  if (strcmp(own->settings.values[SETTING_LOG_JSON].text, "true") == 0)
    add_word(line, "--log-json");
  add_word(line, "--exit-with-parent");
}

// Only what was set: a command line that people can read.
static void add_limits(up *own, command_line *line) {
  const mesh_limit_info *info;
  for (size_t i = 0; (info = mesh_limits_info(i)) != NULL; i++) {
    const char *value = setting_of(own, SETTING_LIMITS_FIRST + (setting)i);
    char unset[24];
    snprintf(unset, sizeof unset, "%lld", (long long)info->unset);
    if (value == NULL || strcmp(value, unset) == 0) continue;
    snprintf(own->limits[i], sizeof own->limits[i], "%s=%.20s", info->name, value);
    add_flag(line, "--limit", own->limits[i]);
  }
}

static command_line begin_child(up *own, int index) {
  child *who = &own->children[index];
  const char *home = setting_of(own, SETTING_HOME);
  who->name = names[index];
  snprintf(who->log_path, sizeof who->log_path, "%.*s/log/%s.log", MESH_TEXT_SHOWN(home, 4000),
           who->name);
  snprintf(who->lock_path, sizeof who->lock_path, "%.*s/run/%s.lock", MESH_TEXT_SHOWN(home, 4000),
           who->name);
  return (command_line){who, 0};
}

static mesh_code describe_papergate(up *own, mesh_error *err) {
  int port;
  mesh_code code = up_open_port(&own->gateway_fd, &port, err);
  if (code != GRPC_STATUS_OK) return code;
  snprintf(own->port, sizeof own->port, "%d", port);
  snprintf(own->gateway_fd_text, sizeof own->gateway_fd_text, "%d", own->gateway_fd);
  snprintf(own->gateway, sizeof own->gateway, "127.0.0.1:%d", port);
  command_line line = begin_child(own, PAPERGATE);
  line.who->inherited_fd = own->gateway_fd;
  add_flag(&line, "--port", own->port);
  add_flag(&line, "--listen-fd", own->gateway_fd_text);
  const char *market = setting_of(own, SETTING_PAPERGATE_MARKET);
  if (market == NULL && up_find_market(own->market)) market = own->market;
  if (market == NULL) {
    say(own, "has no files", "papergate",
        "only SYN... series; --papergate-market names a directory of CSV files");
  }
  add_flag(&line, "--market", market);
  add_flag(&line, "--seed", setting_of(own, SETTING_PAPERGATE_SEED));
  add_word(&line, "--exit-with-parent");
  return child_find_program("papergate", line.who->program, err);
}

static mesh_code describe_ib_host(up *own, mesh_error *err) {
  command_line line = begin_child(own, IB_HOST);
  add_flag(&line, "--listen", own->ib_socket);
  add_flag(&line, "--listen", setting_of(own, SETTING_IB_HOST_LISTEN));
  add_flag(&line, "--gateway", own->gateway);
  add_flag(&line, "--client-id", setting_of(own, SETTING_GATEWAY_CLIENT_ID));
  add_flag(&line, "--request-timeout-ms", setting_of(own, SETTING_GATEWAY_REQUEST_TIMEOUT_MS));
  add_flag(&line, "--connect-timeout-ms", setting_of(own, SETTING_GATEWAY_CONNECT_TIMEOUT_MS));
  add_flag(&line, "--messages-per-s", setting_of(own, SETTING_GATEWAY_MESSAGES_PER_S));
  add_flag(&line, "--max-open", setting_of(own, SETTING_GATEWAY_MAX_OPEN));
  add_flag(&line, "--backoff-cap-ms", setting_of(own, SETTING_GATEWAY_BACKOFF_CAP_MS));
  add_flag(&line, "--pacing-wait-ms", setting_of(own, SETTING_GATEWAY_PACING_WAIT_MS));
  add_limits(own, &line);
  add_log_flags(own, &line);
  return child_find_program("millrace-ib-host", line.who->program, err);
}

static mesh_code describe_training_host(up *own, mesh_error *err) {
  command_line line = begin_child(own, TRAINING_HOST);
  add_flag(&line, "--listen", own->training_socket);
  add_flag(&line, "--listen", setting_of(own, SETTING_TRAINING_HOST_LISTEN));
  add_flag(&line, "--backend", own->backend_socket);
  add_flag(&line, "--home", setting_of(own, SETTING_HOME));
  add_flag(&line, "--slots", setting_of(own, SETTING_TRAINING_HOST_SLOTS));
  add_flag(&line, "--threads", setting_of(own, SETTING_TRAINING_HOST_THREADS));
  add_flag(&line, "--memory-mib", setting_of(own, SETTING_TRAINING_HOST_MEMORY_MIB));
  add_flag(&line, "--gpu-memory-mib", setting_of(own, SETTING_TRAINING_HOST_GPU_MEMORY_MIB));
  add_flag(&line, "--cache-mib", setting_of(own, SETTING_TRAINING_HOST_CACHE_MIB));
  add_limits(own, &line);
  add_log_flags(own, &line);
  return child_find_program("millrace-training-host", line.who->program, err);
}

static mesh_code describe_backend(up *own, mesh_error *err) {
  command_line line = begin_child(own, BACKEND);
  add_flag(&line, "--home", setting_of(own, SETTING_HOME));
  add_flag(&line, "--listen", own->backend_socket);
  add_flag(&line, "--listen", setting_of(own, SETTING_BACKEND_LISTEN));
  add_flag(&line, "--ib-host", setting_of(own, SETTING_IB_HOST_ADDRESS));
  add_flag(&line, "--training-host", setting_of(own, SETTING_TRAINING_HOST_ADDRESS));
  const char *more = setting_of(own, SETTING_TRAINING_HOST_MORE);
  mesh_text_copy(own->more, sizeof own->more, more != NULL ? more : "");
  char *rest = own->more;
  for (char *address; (address = strsep(&rest, ",")) != NULL;) {
    if (address[0] != '\0') add_flag(&line, "--training-host", address);
  }
  add_flag(&line, "--training-manager", setting_of(own, SETTING_LINKS_TRAINING_MANAGER));
  add_flag(&line, "--training-adapter", setting_of(own, SETTING_LINKS_TRAINING_ADAPTER));
  add_flag(&line, "--data-manager", setting_of(own, SETTING_LINKS_DATA_MANAGER));
  add_flag(&line, "--data-adapter", setting_of(own, SETTING_LINKS_DATA_ADAPTER));
  add_flag(&line, "--parallel", setting_of(own, SETTING_DATA_PARALLEL));
  add_flag(&line, "--training-grace-s", setting_of(own, SETTING_TRAINING_HOST_GRACE_S));
  add_flag(&line, "--synchronous", setting_of(own, SETTING_STORE_SYNCHRONOUS));
  add_flag(&line, "--keep-days", setting_of(own, SETTING_STORE_KEEP_DAYS));
  add_flag(&line, "--keep-operations", setting_of(own, SETTING_STORE_KEEP_OPERATIONS));
  add_flag(&line, "--busy-limit-s", setting_of(own, SETTING_STORE_BUSY_LIMIT_S));
  add_flag(&line, "--store-log-mib", setting_of(own, SETTING_STORE_LOG_MIB));
  add_flag(&line, "--operations", setting_of(own, SETTING_LIMITS_OPERATIONS));
  add_flag(&line, "--starts-per-s", setting_of(own, SETTING_LIMITS_STARTS_PER_S));
  add_limits(own, &line);
  add_log_flags(own, &line);
  return child_find_program("millrace-backend", line.who->program, err);
}

// A host that is configured elsewhere is not ours, nor is a real gateway.
static bool is_ours(const up *own, int index) {
  const setting_value *values = own->settings.values;
  bool ib_host = strcmp(values[SETTING_IB_HOST_ADDRESS].source, "default") == 0;
  switch (index) {
    case PAPERGATE:
      return ib_host && setting_of(own, SETTING_GATEWAY_ADDRESS) == NULL;
    case IB_HOST:
      return ib_host;
    case TRAINING_HOST:
      return strcmp(values[SETTING_TRAINING_HOST_ADDRESS].source, "default") == 0;
    default:
      return true;
  }
}

static mesh_code describe_children(up *own, mesh_error *err) {
  static mesh_code (*const describe[CHILDREN])(up *, mesh_error *) = {
      [PAPERGATE] = describe_papergate,
      [IB_HOST] = describe_ib_host,
      [TRAINING_HOST] = describe_training_host,
      [BACKEND] = describe_backend,
  };
  const char *gateway = setting_of(own, SETTING_GATEWAY_ADDRESS);
  if (gateway != NULL) mesh_text_copy(own->gateway, sizeof own->gateway, gateway);
  for (int i = 0; i < CHILDREN; i++) {
    mesh_code code = is_ours(own, i) ? describe[i](own, err) : GRPC_STATUS_OK;
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
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
  say(own, ready ? "connected" : "not connected yet", "gateway", text);
}

static const char *address_of(const up *own, int index) {
  const char *const addresses[CHILDREN] = {own->gateway, own->ib_socket, own->training_socket,
                                           own->backend_socket};
  return addresses[index];
}

static mesh_code await_each(up *own, mesh_scope *waiting, int *index, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (*index = IB_HOST; *index < CHILDREN; ++*index) {
    code = up_await_serving(waiting, names[*index], address_of(own, *index), err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return code;
}

// Nobody refused, but one did not become healthy: which, and what is known of it.
static void complain_of(const up *own, int index, const mesh_error *err) {
  const child *who = &own->children[index];
  if (who->restarts == 0) {
    command_complain(own->command, "%s is not healthy after %lld ms: %s", names[index],
                     number_of(own, SETTING_UP_START_LIMIT_MS), err->message);
  } else {
    command_complain(own->command,
                     "%s is not healthy after %lld ms; it ended %d times, with code "
                     "%d: %s",
                     names[index], number_of(own, SETTING_UP_START_LIMIT_MS), who->restarts,
                     who->exit_code, last_words(who));
  }
}

static void say_ready(up *own) {
  char text[CHILD_PATH_MAX + 64];
  mesh_text_format(text, sizeof text, "%lld ms, at %s",
                   (long long)((mesh_now_ns() - own->started_ns) / MESH_MS_NS),
                   own->backend_socket);
  say(own, "ready", "mesh", text);
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
                                   .address = address_of(own, index),
                                   .gateway = index == PAPERGATE,
                                   .pool = own->pool,
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
    if (!is_ours(own, i)) continue;
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
  if (own->told_to_stop) say(own, "stopped", "mesh", "");
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
             MESH_TEXT_SHOWN(setting_of(own, SETTING_HOME), 4000), names[i]);
    mesh_code code = child_end_orphan(path, STOP_LIMIT_MS, &pid, err);
    if (code != GRPC_STATUS_OK) return code;
    if (pid == 0) continue;
    snprintf(text, sizeof text, "pid %d, left by a mesh that was killed", (int)pid);
    say(own, "ended", names[i], text);
  }
  return GRPC_STATUS_OK;
}

// A port asks nobody who they are.
static void say_open(const up *own) {
  static const setting ports[] = {SETTING_BACKEND_LISTEN, SETTING_IB_HOST_LISTEN,
                                  SETTING_TRAINING_HOST_LISTEN};
  for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
    const char *address = setting_of(own, ports[i]);
    if (address == NULL || strncmp(address, "unix:", 5) == 0) continue;
    say(own, "is open to every user of this machine", address, "a port asks nobody");
  }
}

static mesh_code prepare(up *own, const args *given, mesh_error *err) {
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_schema *schema;
  mesh_code code = mesh_schema_create(descriptors, &schema, err);
  if (code == GRPC_STATUS_OK) code = settings_read(schema, given, &own->settings, err);
  mesh_schema_destroy(schema);
  if (code != GRPC_STATUS_OK) return code;
  const char *home = setting_of(own, SETTING_HOME);
  own->json = strcmp(setting_of(own, SETTING_OUTPUT), "json") == 0;
  snprintf(own->ib_socket, sizeof own->ib_socket, "%s", setting_of(own, SETTING_IB_HOST_ADDRESS));
  snprintf(own->training_socket, sizeof own->training_socket, "%s",
           setting_of(own, SETTING_TRAINING_HOST_ADDRESS));
  snprintf(own->backend_socket, sizeof own->backend_socket, "unix:%.*s/run/backend.sock",
           MESH_TEXT_SHOWN(home, 4000));
  code = check_numbers(own, err);
  if (code == GRPC_STATUS_OK) code = up_home_take(home, &own->lock, err);
  if (code == GRPC_STATUS_OK) code = end_orphans(own, err);
  if (code == GRPC_STATUS_OK) code = describe_children(own, err);
  if (code == GRPC_STATUS_OK) say_open(own);
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
