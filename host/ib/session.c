// The life of a session: connect, greet, stay, come back.
#include "host/ib/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/ib/session_internal.h"
#include "mesh/rpc/retry.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

#define LAYER "ib-host"

enum { CLIENT_IDS = 16 };  // how many ids are tried in turn

// ---- what arrives ----

static void break_off(ib_session *session, const char *why) {
  if (session->closed_why[0] == '\0') {
    mesh_text_format(session->closed_why, sizeof session->closed_why, "%.*s",
                     MESH_TEXT_SHOWN(why, 199));
  }
  ib_transport_close(session->transport);
}

// An error that belongs to the connection, not to a request.
static void take_connection_error(ib_session *session, const ib_error_reply *error) {
  switch (ib_error_classify(error->code, error->text)) {
    case IB_LOST:
      ib_session_doubt(session, error->text);
      if (session->state == IB_READY) ib_session_enter(session, IB_STALLED, error->text);
      break;
    case IB_RESTORED:
      ib_session_doubt(session, error->text);
      if (error->code == 1101) ib_requests_fail_live(session, error->text);
      if (session->state == IB_STALLED) ib_session_enter(session, IB_READY, "connected");
      break;
    case IB_DISCONNECT:
      session->id_taken = error->code == 326;
      break_off(session, error->text);
      break;
    default:
      ib_session_note_farm(session, error);
      mesh_log(MESH_LOG_DEBUG, LAYER, "gateway: %d: %s", error->code, error->text);
  }
}

static void take_error(ib_session *session, ib_fields *fields) {
  ib_error_reply error;
  mesh_error err;
  if (ib_decode_error(fields, &error, &err) != GRPC_STATUS_OK) {
    break_off(session, err.message);
  } else if (error.request >= 0) {
    ib_requests_error(session, &error);
  } else {
    take_connection_error(session, &error);
  }
}

static void take_accounts(ib_session *session, ib_fields *fields) {
  ib_skip(fields, 1);
  const char *accounts = ib_take_text(fields);
  mesh_text_escape(session->accounts, sizeof session->accounts, accounts, strlen(accounts));
  session->has_accounts = fields->bad_field == 0;
  mesh_signal_notify(&session->changed);
}

static void take_order_id(ib_session *session, ib_fields *fields) {
  ib_skip(fields, 2);
  session->has_order_id = fields->bad_field == 0;
  mesh_signal_notify(&session->changed);
}

static void take_time(ib_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // the version of the message
  int64_t clock_s = ib_take_int(fields, 0);
  session->awaits_time = false;
  if (fields->bad_field == 0 && mesh_is_timestamp(clock_s, 0)) {
    session->clock_s = clock_s;
    session->told_time_ns = mesh_now_ns();
  }
  session->round_trip_us = (mesh_now_ns() - session->asked_time_ns) / 1000;
  mesh_signal_notify(&session->changed);
}

static void take_reply(ib_session *session, int number, ib_fields *fields) {
  switch (number) {
    case IB_REPLY_ERROR:
      take_error(session, fields);
      break;
    case IB_REPLY_NEXT_VALID_ID:
      take_order_id(session, fields);
      break;
    case IB_REPLY_MANAGED_ACCOUNTS:
      take_accounts(session, fields);
      break;
    case IB_REPLY_CURRENT_TIME:
      take_time(session, fields);
      break;
    case IB_REPLY_CONTRACT_END:
      ib_skip(fields, 1);
      ib_requests_reply(session, IB_REPLY_CONTRACT_END, (int)ib_take_int(fields, -1), fields);
      break;
    case IB_REPLY_CONTRACT:
    case IB_REPLY_BOND:
    case IB_REPLY_BARS:
    case IB_REPLY_SYMBOLS:
    case IB_REPLY_HEAD:
    case IB_REPLY_BAR_UPDATE:
      ib_requests_reply(session, (ib_reply)number, (int)ib_take_int(fields, -1), fields);
      break;
    default:
      break;  // nothing that this host asked for
  }
}

static void on_message(void *arg, ib_message message) {
  ib_session *session = arg;
  mesh_error err;
  if (session->state == IB_HELLO) {
    ib_greeting greeting;
    if (ib_decode_greeting(message, &greeting, &err) != GRPC_STATUS_OK) {
      break_off(session, err.message);
    } else {
      session->server_version = greeting.version;
      session->source = greeting.simulated ? SERIES_SOURCE_PAPERGATE : SERIES_SOURCE_IB;
      session->has_version = true;
      mesh_signal_notify(&session->changed);
    }
    return;
  }
  ib_fields fields = ib_fields_of(message);
  int number = (int)ib_take_int(&fields, 0);
  if (fields.bad_field != 0 || number <= 0) {
    break_off(session, "the gateway sent a message without a number");
    return;
  }
  take_reply(session, number, &fields);
}

static void on_connected(void *arg) {
  ib_session *session = arg;
  session->connected = true;
  mesh_signal_notify(&session->changed);
}

static void on_closed(void *arg, const char *why) {
  ib_session *session = arg;
  session->closed = true;
  if (session->closed_why[0] == '\0') {
    mesh_text_format(session->closed_why, sizeof session->closed_why, "%.*s",
                     MESH_TEXT_SHOWN(why, 199));
  }
  mesh_signal_notify(&session->changed);
}

// ---- one connection ----

// Waits until *flag is set. False when the connection closed, the step took too long, or the
// session ends.
static bool await_step(ib_session *session, const bool *flag, const bool *other,
                       const char *missing) {
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), session->options.connect_timeout_ms);
  while (!session->closed && !(*flag && *other)) {
    mesh_error err;
    mesh_code code = mesh_signal_wait(&session->changed, session->scope, limit_ns, &err);
    if (code == GRPC_STATUS_OK) continue;
    if (session->scope->code == GRPC_STATUS_OK) {
      mesh_text_format(session->closed_why, sizeof session->closed_why, "no %s within %d ms",
                       missing, session->options.connect_timeout_ms);
    }
    return false;
  }
  return !session->closed;
}

static bool greet(ib_session *session) {
  ib_session_enter(session, IB_CONNECTING, "connecting");
  if (!await_step(session, &session->connected, &session->connected, "connection")) return false;
  ib_session_enter(session, IB_HELLO, "connected, waits for the gateway's version");
  ib_encode_handshake(&session->outbox);
  ib_session_flush(session);
  if (!await_step(session, &session->has_version, &session->has_version,
                  "reply to the handshake")) {
    return false;
  }
  ib_session_enter(session, IB_STARTING, "waits for nextValidId and managedAccounts");
  ib_encode_start_api(&session->outbox, session->client_id);
  ib_session_flush(session);
  return await_step(session, &session->has_order_id, &session->has_accounts, "reply to startApi");
}

// Until the connection ends. A gateway that says nothing is asked for its time, and is gone if it
// does not say that either: TCP notices a machine that vanished only after hours.
static void watch_over(ib_session *session) {
  int64_t half_ns = mesh_ms_ns(session->options.request_timeout_ms) / 2;
  int64_t asked_ns = 0;  // when it was asked; 0: it was not, since it was heard last
  while (!session->closed) {
    int64_t heard_ns = ib_transport_heard_ns(session->transport);
    if (heard_ns >= asked_ns) asked_ns = 0;
    int64_t since_ns = asked_ns != 0 ? asked_ns : heard_ns;
    mesh_error err;
    mesh_code code =
        mesh_signal_wait(&session->changed, session->scope, mesh_time_add(since_ns, half_ns), &err);
    if (session->scope->code != GRPC_STATUS_OK) return;
    if (code == GRPC_STATUS_OK || ib_transport_heard_ns(session->transport) > since_ns) continue;
    if (asked_ns != 0) {
      char why[80];
      snprintf(why, sizeof why, "it has said nothing for %d ms",
               session->options.request_timeout_ms);
      break_off(session, why);
      return;
    }
    asked_ns = mesh_now_ns();
    ib_session_ask_time(session);
    ib_session_flush(session);
  }
}

static void stay(ib_session *session) {
  ib_session_enter(session, IB_READY, "connected");
  mesh_log(MESH_LOG_INFO, LAYER, "gateway %s:%d is ready: version %d, client id %d",
           session->options.host, session->options.port, session->server_version,
           session->client_id);
  session->failures = 0;
  if (session->reconnects > 0) ib_session_doubt(session, "the connection to it is new");
  ib_session_ask_time(session);
  ib_session_flush(session);
  watch_over(session);
}

static void open_connection(ib_session *session) {
  static const ib_transport_events events = {on_connected, on_message, on_closed};
  session->connected = session->closed = session->has_version = false;
  session->has_order_id = session->has_accounts = session->id_taken = false;
  session->closed_why[0] = '\0';
  session->clock_s = session->asked_time_ns = 0;
  session->awaits_time = false;
  session->lost_count = 0;
  session->transport =
      ib_transport_open(session->loop, session->options.host, session->options.port,
                        session->options.connect_timeout_ms, &events, session);
}

// Waits for the transport's last word, whatever the scope says.
static void close_connection(ib_session *session) {
  mesh_scope shielded;
  mesh_scope_open_root(&shielded, session->loop);
  ib_transport_close(session->transport);
  while (!session->closed) {
    mesh_error err;
    if (mesh_signal_wait(&session->changed, &shielded, MESH_NEVER, &err) != GRPC_STATUS_OK) break;
  }
  mesh_scope_close(&shielded);
  ib_transport_destroy(session->transport);
  session->transport = NULL;
  ib_outbox_clear(&session->outbox);
}

// ---- the whole life ----

static void next_client_id(ib_session *session) {
  int tried = session->client_id - session->options.client_id;
  session->client_id = session->options.client_id + (tried + 1) % CLIENT_IDS;
}

static mesh_code back_off(ib_session *session) {
  mesh_backoff backoff = {session->options.backoff_base_ms, session->options.backoff_cap_ms, 0};
  session->failures++;
  uint64_t random = (uint64_t)mesh_wall_ns() * UINT64_C(0x9e3779b97f4a7c15);
  int64_t wait_ms = mesh_backoff_wait_ms(&backoff, session->failures, random >> 16, NULL);
  mesh_error err;
  return mesh_sleep_until(session->scope, mesh_time_after_ms(mesh_now_ns(), wait_ms), &err);
}

static void run_session(void *arg) {
  ib_session *session = arg;
  do {
    open_connection(session);
    if (greet(session)) stay(session);
    if (session->closed_why[0] == '\0') {
      snprintf(session->closed_why, sizeof session->closed_why, "the host stops");
    }
    ib_session_enter(session, IB_BACKOFF, session->closed_why);
    if (session->failures == 0 && session->scope->code == GRPC_STATUS_OK) {
      mesh_log(MESH_LOG_WARN, LAYER, "gateway %s:%d: %s", session->options.host,
               session->options.port, session->closed_why);
    }
    ib_requests_fail_all(session, session->closed_why);
    close_connection(session);
    if (session->id_taken) next_client_id(session);
    session->reconnects++;
  } while (back_off(session) == GRPC_STATUS_OK);
}

ib_session *ib_session_create(mesh_scope *scope, const ib_session_options *options) {
  ib_session *session = calloc(1, sizeof *session);
  if (session == NULL) abort();
  session->loop = scope->loop;
  session->scope = scope;
  session->options = *options;
  session->client_id = options->client_id;
  session->state = IB_BACKOFF;
  session->source = "";
  session->next_id = 1;
  snprintf(session->detail, sizeof session->detail, "not connected yet");
  session->governor.speed = options->pacing_speed;
  ib_pacer_init(&session->pacer, options->messages_per_s, mesh_now_ns());
  mesh_fiber_start(scope, run_session, session);
  return session;
}

void ib_session_destroy(ib_session *session) {
  if (session == NULL) return;
  assert(session->requests == NULL);
  ib_outbox_fini(&session->outbox);
  free(session);
}
