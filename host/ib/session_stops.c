// The proof that what was cancelled has stopped.
#include <stdio.h>
#include <string.h>

#include "host/ib/session_internal.h"
#include "mesh/runtime/text.h"

enum { CONFIRM_LIMIT_MS = 250 };

static stop_record *find_record(ib_session *session, const char *operation) {
  for (int i = 0; i < STOP_RECORDS; i++) {
    if (strcmp(session->stops[i].operation, operation) == 0) return &session->stops[i];
  }
  return NULL;
}

static void add_stop(stop_record *record, const char *layer, const char *detail) {
  if (record->count == IB_STOPS_MAX) return;
  ib_stop *stop = &record->stops[record->count++];
  stop->layer = layer;
  stop->time_ns = mesh_wall_ns();
  mesh_text_copy(stop->detail, sizeof stop->detail, detail);
}

void ib_stops_note_cancel(ib_session *session, const char *operation, int id, const char *detail) {
  if (operation[0] == '\0') return;
  stop_record *record = find_record(session, operation);
  if (record == NULL) {
    record = &session->stops[session->stop_next];
    session->stop_next = (session->stop_next + 1) % STOP_RECORDS;
    *record = (stop_record){0};
    mesh_text_copy(record->operation, sizeof record->operation, operation);
  }
  record->request = id;
  record->cancelled_ns = mesh_now_ns();
  record->confirmed = session->transport == NULL;
  add_stop(record, "ib-host", detail);
  mesh_signal_notify(&session->stopped);
}

void ib_stops_note_confirm(ib_session *session, int id, const char *detail) {
  for (int i = 0; i < STOP_RECORDS; i++) {
    stop_record *record = &session->stops[i];
    if (record->operation[0] == '\0' || record->request != id || record->confirmed) continue;
    record->confirmed = true;
    add_stop(record, "gateway", detail);
  }
  mesh_signal_notify(&session->stopped);
}

void ib_stops_connection_gone(ib_session *session) {
  for (int i = 0; i < STOP_RECORDS; i++)
    session->stops[i].confirmed = true;
  mesh_signal_notify(&session->stopped);
}

// True while a request of the operation is open: its cancel is still to come.
static bool is_open(const ib_session *session, const char *operation) {
  for (const ib_request *each = session->requests; each != NULL; each = each->next) {
    if (strcmp(each->operation, operation) == 0) return true;
  }
  return false;
}

int ib_session_await_stopped(ib_session *session, mesh_scope *scope, const char *operation,
                             ib_stop out[IB_STOPS_MAX]) {
  stop_record *record;
  for (;;) {
    record = find_record(session, operation);
    int64_t limit_ns = MESH_NEVER;
    if (record != NULL) {
      limit_ns = mesh_time_after_ms(record->cancelled_ns, CONFIRM_LIMIT_MS);
      if (record->confirmed || mesh_now_ns() >= limit_ns) break;
    } else if (!is_open(session, operation)) {
      return 0;
    }
    mesh_error err;
    mesh_code code = mesh_signal_wait(&session->stopped, scope, limit_ns, &err);
    if (code != GRPC_STATUS_OK && scope->code != GRPC_STATUS_OK) return 0;
  }
  memcpy(out, record->stops, sizeof record->stops);
  return record->count;
}
