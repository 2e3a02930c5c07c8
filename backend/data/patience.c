#include "backend/data/patience.h"

#include <stdlib.h>
#include <string.h>

#include "market/times.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/message.h"
#include "mesh/rpc/retry.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/ib_host.pb-c.h"

bool patience_is_for(const mesh_error *err) {
  static const char *const reasons[] = {"LINK_DOWN", "DRAINING", "GATEWAY_DOWN",
                                        "COMPETING_SESSION", "PACING_VIOLATION"};
  if (!mesh_error_is_retryable(err)) return false;
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
    if (strcmp(err->reason, reasons[i]) == 0) return true;
  }
  return err->code == GRPC_STATUS_UNAVAILABLE && err->reason[0] == '\0';  // a connection broke
}

// ---- what is said of it ----

static void say(patience *own, const char *why) {
  char since[TIMES_TEXT_MAX], note[PATIENCE_TEXT_MAX + 64];
  if (strcmp(own->why, why) == 0) return;
  mesh_text_format(own->why, sizeof own->why, "%.*s", MESH_TEXT_SHOWN(why, 250));
  times_format(own->since_s, since);
  mesh_text_format(note, sizeof note, "waits since %s: %s", since, own->why);
  own->on_change(own->owner, note);
}

// ---- the wait of the piece that asks ----

// Follows what the host says of its source until it is ready: OK. DEADLINE_EXCEEDED at the end of
// the patience, the scope's code, or the error of a host that cannot be asked.
static mesh_code await_ready(patience *own, mesh_scope *scope, mesh_error *err) {
  Millrace__V1__HostStatusRequest request = MILLRACE__V1__HOST_STATUS_REQUEST__INIT;
  request.follow = true;
  mesh_call *call;
  mesh_code code = mesh_message_open(scope, own->adapter, "/millrace.v1.DataAdapter/Status",
                                     &request.base, NULL, &call, err);
  bool ready = false;
  while (code == GRPC_STATUS_OK && !ready) {
    mesh_frame frame;
    code = mesh_call_receive(call, &frame, err);
    if (code != GRPC_STATUS_OK) break;
    Millrace__V1__HostStatus *status =
        frame.end ? NULL
                  : mesh_message_unpack(&millrace__v1__host_status__descriptor, frame.data,
                                        frame.size_bytes);
    if (status == NULL) {
      code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the host's status ended");
      break;
    }
    ready = status->gateway == MILLRACE__V1__HOST_STATUS__GATEWAY__READY;
    // Between two attempts it says how the last one ended.
    bool fails = status->gateway == MILLRACE__V1__HOST_STATUS__GATEWAY__BACKOFF ||
                 status->gateway == MILLRACE__V1__HOST_STATUS__GATEWAY__STALLED;
    char why[PATIENCE_TEXT_MAX];
    mesh_text_format(why, sizeof why, "gateway %.*s: %.*s", MESH_TEXT_SHOWN(status->address, 64),
                     MESH_TEXT_SHOWN(status->detail, 160));
    if (fails) say(own, why);
    millrace__v1__host_status__free_unpacked(status, NULL);
  }
  mesh_call_close(call);
  return code;
}

// How long before the next question.
static int64_t plan_pause(patience *own, const mesh_error *err) {
  static const mesh_backoff backoff = {.base_ms = 100, .cap_ms = 3000};
  int64_t wait_ms = 0;
  mesh_code code =
      mesh_retry_plan(&backoff, mesh_link_budget(own->adapter), ++own->probes, &wait_ms, err);
  return code == GRPC_STATUS_OK ? wait_ms : backoff.cap_ms;
}

// Pauses first: a source that says it is ready, and fails, is not asked without an end. OK too
// where the host cannot be asked: then the piece's own attempt is the question.
static mesh_code await_source(patience *own, mesh_scope *scope, int64_t wait_ms, mesh_error *err) {
  mesh_code code;
  for (;;) {
    code = mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), wait_ms), err);
    if (code == GRPC_STATUS_OK) code = await_ready(own, scope, err);
    if (code != GRPC_STATUS_UNAVAILABLE || scope->code != GRPC_STATUS_OK) break;
    say(own, err->message);
    wait_ms = plan_pause(own, err);
  }
  return scope->code == GRPC_STATUS_OK ? GRPC_STATUS_OK : code;
}

// ---- the outage ----

static void begin(patience *own, const char *piece, const mesh_error *why) {
  own->since_s = mesh_time_seconds(mesh_wall_ns());
  own->until_ns = mesh_time_after_ms(mesh_now_ns(), own->limit_ms);
  own->is_asked = false;
  own->probes = 0;
  own->why[0] = '\0';
  mesh_text_copy(own->prober, sizeof own->prober, piece);
  say(own, why->message);
}

static mesh_code give_up(const patience *own, const mesh_error *why, mesh_error *err) {
  char since[TIMES_TEXT_MAX];
  times_format(own->since_s, since);
  mesh_fail(err, why->code, "%.*s; waited for it since %s", MESH_TEXT_SHOWN(why->message, 400),
            since);
  mesh_error_set_reason(err, why->reason, why->domain);
  return err->code;
}

// The piece that asks: until the source says that it is there.
static mesh_code ask(patience *own, mesh_scope *scope, int64_t wait_ms, mesh_error *err) {
  mesh_scope bounded;
  mesh_scope_open(&bounded, scope);
  mesh_scope_set_deadline(&bounded, own->until_ns);
  mesh_code code = await_source(own, &bounded, wait_ms, err);
  mesh_scope_close(&bounded);
  own->is_asked = code == GRPC_STATUS_OK && own->until_ns != 0;
  return code;
}

// The others: until that one has its answer, which may be later than the patience ends.
static mesh_code await_answer(patience *own, mesh_scope *scope, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  while (own->until_ns != 0 && code == GRPC_STATUS_OK) {
    int64_t due_ns = own->is_asked ? MESH_NEVER : own->until_ns;
    code = mesh_signal_wait(&own->changed, scope, due_ns, err);
    bool answered = own->until_ns == 0 || own->is_asked;
    if (code != GRPC_STATUS_OK && scope->code == GRPC_STATUS_OK && answered) code = GRPC_STATUS_OK;
  }
  return code;
}

mesh_code patience_wait(patience *own, mesh_scope *scope, const char *piece, int attempt,
                        mesh_error *err) {
  mesh_error why = *err;
  mesh_code code = mesh_scope_check(scope, err);
  if (code != GRPC_STATUS_OK) return code;
  bool is_new = own->until_ns == 0;
  if (is_new) begin(own, piece, &why);
  bool asks = strcmp(own->prober, piece) == 0;
  int64_t wait_ms = asks ? plan_pause(own, &why) : 0;
  if (is_new) {
    code = mesh_operation_report_attempt(own->operation, piece, attempt, &why, wait_ms, err);
    // Another piece may have had its answer while that was written.
    if (code != GRPC_STATUS_OK || own->until_ns == 0) return code;
  }
  if (asks) {
    own->is_asked = false;
    mesh_signal_notify(&own->changed);
    code = ask(own, scope, wait_ms, err);
  } else {
    code = await_answer(own, scope, err);
  }
  if (code == GRPC_STATUS_OK || scope->code != GRPC_STATUS_OK) return code;
  return give_up(own, &why, err);
}

void patience_end(patience *own) {
  if (own->until_ns == 0) return;
  own->until_ns = 0;
  own->is_asked = false;
  own->on_change(own->owner, NULL);
  mesh_signal_notify(&own->changed);
}
