// Requests: the table of open ones, from the send to the answer.
#include <stdio.h>
#include <string.h>

#include "host/ib/session_internal.h"
#include "mesh/runtime/text.h"

enum {
  READY_LIMIT_MS = 2000,
  RETRY_MS = 300,
  DOUBT_MS = 5000,
  DOUBT_RETRY_MS = 1000,
  LIVE_RETRY_MS = 5000
};

// ---- open ----

static mesh_code fail_live(const ib_session *session, mesh_error *err) {
  mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
            "gateway %s:%d: %d live streams run, and no more may (gateway.max_live)",
            session->options.host, session->options.port, session->options.max_live);
  mesh_error_set_reason(err, "TOO_MANY_LIVE", "ib-host.millrace");
  mesh_error_set_retry(err, LIVE_RETRY_MS);
  return GRPC_STATUS_RESOURCE_EXHAUSTED;
}

// Waits for the gateway, then for a free place. Live streams have places of their own: what ends by
// itself never waits for what does not.
static mesh_code await_turn(ib_session *session, const ib_request *request, mesh_scope *scope,
                            mesh_error *err) {
  bool live = request->kind == IB_ASK_LIVE;
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), READY_LIMIT_MS);
  for (;;) {
    mesh_code code;
    if (session->state != IB_READY) {
      code = mesh_signal_wait(&session->changed, scope, limit_ns, err);
      if (code != GRPC_STATUS_OK && scope->code == GRPC_STATUS_OK)
        return ib_session_down(session, session->detail, err);
    } else if (live && session->open_live >= session->options.max_live) {
      return fail_live(session, err);
    } else if (!live && session->open_requests - session->open_live >= session->options.max_open) {
      code = mesh_signal_wait(&session->room, scope, MESH_NEVER, err);
    } else {
      return GRPC_STATUS_OK;
    }
    if (code != GRPC_STATUS_OK) return code;
  }
}

static mesh_code sleep_for(mesh_scope *scope, int64_t wait_ns, mesh_error *err) {
  return mesh_sleep_until(scope, mesh_now_ns() + wait_ns, err);
}

static void join_queue(ib_session *session, ib_queuer *own) {
  ib_queuer **end = &session->queue;
  while (*end != NULL)
    end = &(*end)->next;
  *end = own;
}

static void leave_queue(ib_session *session, ib_queuer *own) {
  ib_queuer **at = &session->queue;
  while (*at != own)
    at = &(*at)->next;
  *at = own->next;
  mesh_signal_notify(&session->moved);
}

// Says once of each long wait of the queue that it is one.
static void tell_wait(ib_session *session, ib_request *request, int64_t *told_ns) {
  int64_t until_ns = session->paced_until_ns;
  int64_t wait_ns = mesh_time_between(mesh_now_ns(), until_ns);
  if (request->on_wait == NULL || wait_ns <= MESH_S_NS || *told_ns == until_ns) return;
  *told_ns = until_ns;
  request->on_wait(request, wait_ns);
}

// Waits, for up to ten minutes, until the pacing rules allow the request: in the order in which
// they came, so that no load waits for ever behind another. That holds no place: what the rules do
// not speak of goes on. There is one when it returns. Without a message rate nothing is paced.
static mesh_code await_governor(ib_session *session, ib_request *request, mesh_scope *scope,
                                mesh_error *err) {
  ib_governed what = request->governed;
  if (what.request == 0 || session->pacer.rate_per_s <= 0) return GRPC_STATUS_OK;
  ib_queuer own = {0};
  int64_t told_ns = 0;
  join_queue(session, &own);
  mesh_code code = GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK) {
    if (session->queue != &own) {
      tell_wait(session, request, &told_ns);
      if (session->queue == &own) continue;  // it has moved while that was told
      code = mesh_signal_wait(&session->moved, scope, MESH_NEVER, err);
      continue;
    }
    code = await_turn(session, request, scope, err);  // what was allowed is sent at once
    if (code != GRPC_STATUS_OK) break;
    int64_t wait_ns = ib_governor_take(&session->governor, what, mesh_now_ns());
    if (wait_ns <= 0) break;
    session->paced_until_ns = mesh_time_add(mesh_now_ns(), wait_ns);
    if (wait_ns > MESH_S_NS) mesh_signal_notify(&session->moved);  // all of them are told
    tell_wait(session, request, &told_ns);
    code = sleep_for(scope, wait_ns, err);
  }
  leave_queue(session, &own);
  return code;
}

// Waits until a message may be sent.
static mesh_code await_pace(ib_session *session, mesh_scope *scope, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  int64_t wait_ns;
  if (session->pacer.rate_per_s <= 0) return GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK && (wait_ns = ib_pacer_take(&session->pacer, mesh_now_ns())) > 0) {
    code = sleep_for(scope, wait_ns, err);
  }
  return code;
}

static void cancel_on_wire(ib_request *request) {
  ib_session *session = request->session;
  if (request->done || !request->sent || session->transport == NULL) return;
  char detail[96];
  if (request->kind == IB_ASK_BARS || request->kind == IB_ASK_LIVE) {
    ib_encode_cancel_bars(&session->outbox, request->id);
    snprintf(detail, sizeof detail, "cancelHistoricalData sent for request %d", request->id);
  } else if (request->kind == IB_ASK_HEAD) {
    ib_encode_cancel_head(&session->outbox, request->id);
    snprintf(detail, sizeof detail, "cancelHeadTimestamp sent for request %d", request->id);
  } else {
    return;  // TWS has no cancel for these
  }
  ib_session_flush(session);
  request->sent = false;
  ib_stops_note_cancel(session, request->operation, request->id, detail);
}

// At once, in the middle of whatever cancelled the call: the wire hears of it first.
static void on_cancel(mesh_cancel_hook *hook) {
  cancel_on_wire(MESH_CONTAINER_OF(hook, ib_request, hook));
}

static void link_request(ib_session *session, ib_request *request) {
  request->session = session;
  request->id = session->next_id++;
  request->code = GRPC_STATUS_OK;
  request->done = request->sent = false;
  request->next = session->requests;
  session->requests = request;
  session->open_requests++;
  session->open_live += request->kind == IB_ASK_LIVE;
}

static void unlink_request(ib_request *request) {
  ib_request **at = &request->session->requests;
  while (*at != request)
    at = &(*at)->next;
  *at = request->next;
  request->session->open_requests--;
  request->session->open_live -= request->kind == IB_ASK_LIVE;
}

mesh_code ib_request_open(ib_session *session, mesh_scope *scope, ib_request *request,
                          ib_request_encode encode, const void *what, mesh_error *err) {
  mesh_code code = await_governor(session, request, scope, err);
  if (code == GRPC_STATUS_OK) code = await_turn(session, request, scope, err);
  if (code != GRPC_STATUS_OK) return code;
  link_request(session, request);  // takes the place while the pace is waited for
  code = await_pace(session, scope, err);
  if (code == GRPC_STATUS_OK && session->state != IB_READY)
    code = ib_session_down(session, session->detail, err);
  if (code != GRPC_STATUS_OK) {
    unlink_request(request);
    mesh_signal_notify(&session->room);
    return code;
  }
  if (request->kind == IB_ASK_BARS) ib_session_ask_time(session);  // it tells before it answers
  encode(&session->outbox, request->id, session->server_version, what);
  request->sent = true;
  request->sent_ns = mesh_now_ns();
  session->requests_sent++;
  ib_session_flush(session);
  request->hook.on_cancel = on_cancel;
  mesh_scope_add_hook(scope, &request->hook);
  mesh_signal_notify(&session->changed);
  return GRPC_STATUS_OK;
}

void ib_request_close(ib_request *request) {
  ib_session *session = request->session;
  mesh_scope_remove_hook(&request->hook);
  cancel_on_wire(request);
  unlink_request(request);
  mesh_signal_notify(&session->room);
  mesh_signal_notify(&session->stopped);
  mesh_signal_notify(&session->changed);
}

// ---- wait ----

mesh_code ib_request_wait(ib_request *request, mesh_scope *scope, mesh_error *err) {
  ib_session *session = request->session;
  while (!request->done) {
    int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), session->options.request_timeout_ms);
    mesh_code code = mesh_signal_wait(&request->progress, scope, limit_ns, err);
    if (code == GRPC_STATUS_OK) continue;
    if (scope->code != GRPC_STATUS_OK) return code;
    mesh_fail(err, GRPC_STATUS_DEADLINE_EXCEEDED,
              "gateway %s:%d: no answer to request %d within %d ms", session->options.host,
              session->options.port, request->id, session->options.request_timeout_ms);
    mesh_error_set_reason(err, "GATEWAY_SILENT", "ib-host.millrace");
    mesh_error_set_retry(err, RETRY_MS);
    return GRPC_STATUS_DEADLINE_EXCEEDED;
  }
  if (request->code != GRPC_STATUS_OK && err != NULL) *err = request->err;
  return request->code;
}

mesh_code ib_request_believe(const ib_request *request, mesh_error *err) {
  const ib_session *session = request->session;
  bool calm =
      session->doubt_ns == 0 || request->sent_ns >= mesh_time_after_ms(session->doubt_ns, DOUBT_MS);
  if (session->state == IB_READY && session->lost_count == 0 && calm) return GRPC_STATUS_OK;
  mesh_fail(err, GRPC_STATUS_UNAVAILABLE,
            "the gateway says that it has no data, and is not believed: %s", session->doubt);
  mesh_error_set_reason(err, "SOURCE_AWAY", "ib-host.millrace");
  mesh_error_set_retry(err, DOUBT_RETRY_MS);
  return GRPC_STATUS_UNAVAILABLE;
}

// ---- answers ----

static ib_request *find(ib_session *session, int id) {
  ib_request *each = session->requests;
  while (each != NULL && each->id != id)
    each = each->next;
  return each;
}

static void finish(ib_request *request, mesh_code code) {
  request->code = code;
  request->done = true;
  mesh_signal_notify(&request->progress);
}

void ib_requests_reply(ib_session *session, ib_reply reply, int id, ib_fields *fields) {
  ib_request *request = find(session, id);
  if (request == NULL || request->done) return;  // it was cancelled meanwhile
  if (request->governed.request != 0) ib_governor_answered(&session->governor);
  bool last = request->on_reply(request, reply, fields);
  if (last) {
    finish(request, request->code);
  } else {
    mesh_signal_notify(&request->progress);
  }
}

void ib_requests_error(ib_session *session, const ib_error_reply *error) {
  ib_error_class class_ = ib_error_classify(error->code, error->text);
  if (class_ == IB_CANCELLED) ib_stops_note_confirm(session, error->request, error->text);
  ib_request *request = find(session, error->request);
  if (request == NULL || request->done) return;
  if (class_ == IB_INFORMATION || class_ == IB_WARNING) return;
  if (class_ == IB_PACING && request->governed.request != 0) {
    ib_governor_violated(&session->governor, mesh_now_ns());
  }
  if (class_ == IB_NO_DATA && request->kind == IB_ASK_LIVE) {
    // Empty history is an answer; a live stream that never begins is not.
    finish(request, mesh_fail(&request->err, GRPC_STATUS_NOT_FOUND, "%s", error->text));
    return;
  }
  if (class_ == IB_NO_DATA) {
    mesh_text_copy(request->no_data, sizeof request->no_data, error->text);
    finish(request, GRPC_STATUS_OK);
    return;
  }
  finish(request,
         ib_error_fill(error->code, error->text, session->options.pacing_wait_ms, &request->err));
}

static void fail_request(ib_request *request, const char *why) {
  finish(request, ib_session_down(request->session, why, &request->err));
}

void ib_requests_fail_all(ib_session *session, const char *why) {
  for (ib_request *each = session->requests; each != NULL; each = each->next) {
    if (!each->done) fail_request(each, why);
  }
  ib_stops_connection_gone(session);
}

void ib_requests_fail_live(ib_session *session, const char *why) {
  for (ib_request *each = session->requests; each != NULL; each = each->next) {
    if (!each->done && each->kind == IB_ASK_LIVE) fail_request(each, why);
  }
}
