// What a session is at the moment, for its life (session.c) and its requests (session_requests.c)
// alike; knows neither.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "host/ib/session_internal.h"
#include "mesh/runtime/text.h"

enum { RETRY_MS = 300, ASK_TIME_MS = 1000 };

#define TO(name) (1u << IB_##name)

ib_session_options ib_session_defaults(void) {
  return (ib_session_options){.host = "127.0.0.1",
                              .port = 4002,
                              .client_id = 11,
                              .messages_per_s = 40,
                              .max_open = 8,
                              .max_live = 32,
                              .connect_timeout_ms = 5000,
                              .request_timeout_ms = 60000,
                              .backoff_base_ms = 50,
                              .backoff_cap_ms = 2000,
                              .pacing_wait_ms = 15000,
                              .pacing_speed = 1};
}

void ib_session_enter(ib_session *session, ib_session_state state, const char *detail) {
  static const unsigned allowed_next[] = {
      [IB_CONNECTING] = TO(HELLO) | TO(BACKOFF),
      [IB_HELLO] = TO(STARTING) | TO(BACKOFF),
      [IB_STARTING] = TO(READY) | TO(BACKOFF),
      [IB_READY] = TO(STALLED) | TO(BACKOFF),
      [IB_STALLED] = TO(READY) | TO(STALLED) | TO(BACKOFF),
      [IB_BACKOFF] = TO(CONNECTING) | TO(BACKOFF),
  };
  assert(allowed_next[session->state] & (1u << state));
  session->state = state;
  mesh_text_format(session->detail, sizeof session->detail, "%.*s", MESH_TEXT_SHOWN(detail, 199));
  mesh_signal_notify(&session->changed);
}

void ib_session_flush(ib_session *session) {
  if (session->transport != NULL) {
    ib_transport_send(session->transport, &session->outbox);
  } else {
    ib_outbox_clear(&session->outbox);
  }
}

mesh_code ib_session_down(const ib_session *session, const char *why, mesh_error *err) {
  mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "gateway %s:%d: %s", session->options.host,
            session->options.port, why);
  mesh_error_set_reason(err, "GATEWAY_DOWN", "ib-host.millrace");
  mesh_error_set_retry(err, RETRY_MS);
  return GRPC_STATUS_UNAVAILABLE;
}

mesh_signal *ib_session_changed(ib_session *session) {
  return &session->changed;
}

void ib_session_describe(const ib_session *session, ib_session_status *out) {
  bool connected = session->state == IB_READY || session->state == IB_STALLED;
  *out = (ib_session_status){.state = session->state,
                             .server_version = session->server_version,
                             .client_id = session->client_id,
                             .open_requests = session->open_requests,
                             .requests_sent = session->requests_sent,
                             .reconnects = session->reconnects,
                             .source = connected ? session->source : "",
                             .pacing_speed = session->options.pacing_speed,
                             .round_trip_us = session->round_trip_us};
  snprintf(out->address, sizeof out->address, "%s:%d", session->options.host,
           session->options.port);
  mesh_text_copy(out->detail, sizeof out->detail, session->detail);
  mesh_text_copy(out->accounts, sizeof out->accounts, session->accounts);
}

const char *ib_session_source(const ib_session *session) {
  return session->source;
}

// ---- the gateway's clock ----

void ib_session_ask_time(ib_session *session) {
  int64_t now_ns = mesh_now_ns();
  bool recent = session->asked_time_ns != 0 &&
                now_ns < mesh_time_after_ms(session->asked_time_ns, ASK_TIME_MS);
  if (session->awaits_time || recent) return;
  session->awaits_time = true;
  session->asked_time_ns = now_ns;
  ib_encode_current_time(&session->outbox);
}

// It has gone on since it was told, no slower than ours.
int64_t ib_session_clock_s(const ib_session *session) {
  if (session->clock_s == 0) return 0;
  return mesh_time_add(session->clock_s, (mesh_now_ns() - session->told_time_ns) / MESH_S_NS);
}

// ---- whether it has its data ----

void ib_session_doubt(ib_session *session, const char *why) {
  session->doubt_ns = mesh_now_ns();
  mesh_text_copy(session->doubt, sizeof session->doubt, why);
}

// The farms that `text` names at its end; behind a colon, or (2107) a full stop.
static void forget_farms(ib_session *session, const char *text) {
  int kept = 0;
  for (int i = 0; i < session->lost_count; i++) {
    if (!mesh_text_ends_with(text, session->lost[i].name)) session->lost[kept++] = session->lost[i];
  }
  session->lost_count = kept;
}

// A farm of live prices (2103) is doubted for a moment alone: it may be none that a history needs,
// and not come back for days.
bool ib_session_note_farm(ib_session *session, const ib_error_reply *error) {
  bool lost = error->code == 2103 || error->code == 2105;
  bool back = error->code == 2104 || (error->code >= 2106 && error->code <= 2108);
  if (!lost && !back) return false;
  int before = session->lost_count;
  forget_farms(session, error->text);
  if (error->code == 2105 && session->lost_count < FARMS_MAX) {
    const char *colon = strrchr(error->text, ':');
    mesh_text_copy(session->lost[session->lost_count++].name, sizeof session->lost[0].name,
                   colon != NULL ? colon + 1 : error->text);
  }
  if (lost || before > session->lost_count) ib_session_doubt(session, error->text);
  return true;
}
