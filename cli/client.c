#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/away.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/up_home.h"
#include "mesh/program/private.h"
#include "mesh/program/process.h"
#include "mesh/rpc/message.h"
#include "mesh/rpc/retry.h"
#include "protos/descriptors.h"

enum { CALL_RETRY_S = 10 };

// ---- a backend that is away ----

// The message begins with its name.
bool client_backend_is_down(const client *own, const mesh_error *err) {
  if (err->code != GRPC_STATUS_UNAVAILABLE || own->backend == NULL) return false;
  char ours[MESH_ERROR_MESSAGE_MAX];
  int size = snprintf(ours, sizeof ours, "link %s (%s)", mesh_link_name(own->backend),
                      mesh_link_address(own->backend));
  return strncmp(err->message, ours, (size_t)size) == 0;
}

// True if a host of this home cannot be reached: the backend's error names its socket.
static bool is_our_host_down(const char *home, const mesh_error *err) {
  char ours[MESH_ERROR_MESSAGE_MAX];
  snprintf(ours, sizeof ours, "(unix:%s/run/", home);
  return strcmp(err->reason, "LINK_DOWN") == 0 && strstr(err->message, ours) != NULL;
}

// Who comes back: a backend or a host that says that it leaves, or that `millrace up` starts again.
static bool comes_back(const client *own, const mesh_error *err) {
  const char *home = settings_get(&own->settings, SETTING_HOME);
  if (own->streaming || strcmp(err->reason, "DRAINING") == 0) return true;
  if (is_our_host_down(home, err)) return up_home_is_taken(home, NULL);
  if (!client_backend_is_down(own, err)) return false;
  bool ours = away_is_of(home, mesh_link_address(own->backend));
  return own->connected || (ours && up_home_is_taken(home, NULL));
}

mesh_code client_retry(client *own, int attempt, int64_t since_ns, int limit_s, mesh_error *err) {
  static const mesh_backoff backoff = {.base_ms = 20, .cap_ms = 500};
  if (err->code != GRPC_STATUS_UNAVAILABLE || !comes_back(own, err)) return err->code;
  if (mesh_now_ns() > mesh_time_after_s(since_ns, limit_s)) return err->code;
  return mesh_retry_wait(&own->scope, &backoff, NULL, attempt, err);
}

// ---- calls ----

mesh_code client_open(mesh_scope *scope, mesh_link *link, const char *method,
                      const ProtobufCMessage *request, const mesh_call_options *options,
                      mesh_call **out, mesh_error *err) {
  return mesh_message_open(scope, link, method, request, options, out, err);
}

static mesh_code call_once(client *own, const char *method, const ProtobufCMessage *request,
                           client_each each, void *arg, bool *heard, mesh_error *err) {
  mesh_call *call;
  mesh_code code = client_open(&own->scope, own->backend, method, request, NULL, &call, err);
  while (code == GRPC_STATUS_OK) {
    mesh_frame frame;
    code = mesh_call_receive(call, &frame, err);
    if (code != GRPC_STATUS_OK || frame.end) break;
    own->connected = *heard = true;
    code = each(own, frame, arg, err);
  }
  mesh_call_close(call);
  return code;
}

mesh_code client_call(client *own, const char *method, const ProtobufCMessage *request,
                      client_each each, void *arg, mesh_error *err) {
  int64_t began_ns = mesh_now_ns();
  bool heard = false;
  for (int attempt = 1;; attempt++) {
    mesh_code code = call_once(own, method, request, each, arg, &heard, err);
    if (code == GRPC_STATUS_OK || heard) return code;
    code = client_retry(own, attempt, began_ns, CALL_RETRY_S, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

mesh_code client_ended_early(const char *method, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the stream of %s ended early", method + 1);
}

mesh_code client_bad_reply(const char *type, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the reply is no %s", type);
}

// ---- JSON ----

const mesh_schema *client_schema(client *own) {
  if (own->schema != NULL) return own->schema;
  mesh_error err;
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  if (mesh_schema_create(descriptors, &own->schema, &err) != GRPC_STATUS_OK) {
    print_text(stderr, "millrace: %s\n", err.message);
    abort();  // the descriptors are our own
  }
  return own->schema;
}

// One damaged record does not end a list: text is mended, and what is no message at all is said in
// its place, and by the exit code at the end.
static mesh_code mended_json(client *own, const char *type, mesh_view message, char **json,
                             mesh_error *err) {
  const mesh_schema *schema = client_schema(own);
  mesh_wire_type wire;
  mesh_bytes copy = {0};
  mesh_bytes_set(&copy, message);
  if (mesh_schema_wire_type(schema, type, &wire)) {
    mesh_wire_mend_text(wire, copy.data, copy.size_bytes);
  }
  mesh_code code = mesh_schema_to_json(schema, type, mesh_bytes_view(copy), json, err);
  free(copy.data);
  return code;
}

mesh_code client_put_json(client *own, const char *type, mesh_view message, mesh_error *err) {
  char *json;
  mesh_code code = mesh_schema_to_json(client_schema(own), type, message, &json, err);
  if (code == GRPC_STATUS_DATA_LOSS) code = mended_json(own, type, message, &json, err);
  if (code == GRPC_STATUS_DATA_LOSS) {
    own->exit_code = EXIT_CODE_FAILED;
    print_own(stdout, "{\"damaged\":");
    print_json_string(stdout, err->message);
    print_own(stdout, "}\n");
    return GRPC_STATUS_OK;
  }
  if (code != GRPC_STATUS_OK) return code;
  print_json(stdout, json);
  print_own(stdout, "\n");
  free(json);
  return GRPC_STATUS_OK;
}

mesh_code client_print_json(client *own, const char *type, mesh_view message, mesh_error *err) {
  mesh_code code = client_put_json(own, type, message, err);
  return code == GRPC_STATUS_OK ? output_flush(err) : code;
}

// ---- the end ----

static int conclude(client *own, mesh_code code, const mesh_error *err) {
  if (own->interrupted) return EXIT_CODE_INTERRUPTED;
  if (code == GRPC_STATUS_OK) return own->exit_code;
  // Whoever reads has seen enough: `| head`. Only work that nobody watches any more is worth a
  // word.
  bool closed = strcmp(err->reason, OUTPUT_CLOSED) == 0;
  if (closed && !command_starts_operation(own->command)) return EXIT_CODE_DONE;
  if (client_backend_is_down(own, err)) {
    char text[AWAY_TEXT_MAX];
    away_describe(settings_get(&own->settings, SETTING_HOME), mesh_link_address(own->backend),
                  err->message, text);
    print_text(stderr, "millrace: %s\n", text);
  } else if (own->json) {
    command_complain(own->command, "%s: %s", mesh_code_name(code), err->message);
  } else {
    command_complain(own->command, "%s", err->message);
  }
  return own->exit_code != 0 ? own->exit_code : exit_code_of(code);
}

// ---- the life of a command ----

static void on_stop(void *arg) {
  client *own = arg;
  own->interrupted = true;
  if (own->on_interrupt != NULL) {
    own->on_interrupt(own->on_interrupt_arg);
  } else {
    mesh_scope_cancel(&own->scope, GRPC_STATUS_CANCELLED, "Ctrl-C");
  }
}

// Whoever finds the backend in a home trusts what is there.
static mesh_code check_home(const client *own, mesh_error *err) {
  if (strcmp(own->settings.values[SETTING_BACKEND_ADDRESS].source, "default") != 0) {
    return GRPC_STATUS_OK;
  }
  mesh_code code = mesh_private_owned(settings_get(&own->settings, SETTING_HOME), err);
  return code == GRPC_STATUS_OK ? code : mesh_error_prefix(err, "home");
}

static mesh_code run_with_link(client *own, mesh_error *err) {
  int64_t deadline_ms;
  mesh_code code = args_get_duration(own->given, "deadline", 0, &deadline_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  if (deadline_ms > 0 &&
      !command_starts_operation(own->command)) {  // a start's deadline is the operation's
    mesh_scope_set_deadline(&own->scope, mesh_time_after_ms(mesh_now_ns(), deadline_ms));
  }
  code = check_home(own, err);
  if (code != GRPC_STATUS_OK) return code;
  code = mesh_link_open(own->loop, "backend", settings_get(&own->settings, SETTING_BACKEND_ADDRESS),
                        &own->backend, err);
  return code == GRPC_STATUS_OK ? own->run(own, err) : code;
}

static void main_fiber(void *arg) {
  client *own = arg;
  mesh_error err;
  mesh_code code = run_with_link(own, &err);
  if (code == GRPC_STATUS_OK) code = output_flush(&err);
  own->exit_code = conclude(own, code, &err);
  mesh_scope_cancel(&own->scope, GRPC_STATUS_CANCELLED, "the command has ended");
  mesh_scope_join(&own->scope);
  mesh_link_close(own->backend);
  mesh_loop_stop(own->loop);
}

static void run_loop(client *own) {
  mesh_process_block_signals();
  own->loop = mesh_loop_create();
  mesh_scope waiter;  // for the fiber that waits for the command's own scope
  mesh_scope_open_root(&waiter, own->loop);
  mesh_scope_open(&own->scope, &waiter);
  mesh_stop_signal *stop = mesh_stop_signal_create(own->loop, on_stop, own);
  mesh_fiber_start(&waiter, main_fiber, own);
  mesh_loop_run(own->loop);
  mesh_stop_signal_destroy(stop);
  mesh_scope_close(&own->scope);
  mesh_scope_close(&waiter);
  mesh_loop_destroy(own->loop);
}

int client_main(const command *self, const args *given, client_run run) {
  mesh_error err;
  client *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->command = self;
  own->given = given;
  own->run = run;
  mesh_code code = settings_read(client_schema(own), given, &own->settings, &err);
  if (code == GRPC_STATUS_OK) {
    own->json = strcmp(settings_get(&own->settings, SETTING_OUTPUT), "json") == 0;
    own->terminal = !own->json && isatty(STDOUT_FILENO);
    own->live = !own->json && output_redraws();
    run_loop(own);
  } else {
    own->exit_code = conclude(own, code, &err);
  }
  int exit_code = own->exit_code;
  mesh_schema_destroy(own->schema);
  free(own);
  return exit_code;
}
