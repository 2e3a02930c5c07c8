// What a session says when something is wrong, for the dispatcher (session.c) and its handlers;
// calls neither.
#include <stdarg.h>
#include <stdio.h>

#include "tools/papergate/messages.h"
#include "tools/papergate/session.h"

void pg_session_end(pg_session *session, const char *reason) {
  if (session->phase == PG_PHASE_CLOSING) return;
  session->phase = PG_PHASE_CLOSING;
  pg_log_begin(&session->gateway->log, session->client_id, "close");
  pg_log_text(&session->gateway->log, "reason", reason);
  pg_log_end(&session->gateway->log);
}

static void put_error_text(ib_outbox *out, int64_t id, int code, const char *text) {
  ib_begin(out);
  ib_put_int(out, PG_ERROR);
  ib_put_int(out, 2);  // version
  ib_put_int(out, id);
  ib_put_int(out, code);
  ib_put_text(out, text);
  ib_put_unset(out);  // the JSON of an advanced order rejection
  ib_end(out);
}

void pg_put_error(ib_outbox *out, int64_t id, int code, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  put_error_text(out, id, code, text);
}

void pg_session_error(pg_session *session, int64_t id, int code, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  put_error_text(&session->out, id, code, text);
  pg_log *log = &session->gateway->log;
  pg_log_begin(log, session->client_id, "error");
  pg_log_int(log, "reqId", id);
  pg_log_int(log, "code", code);
  pg_log_text(log, "text", text);
  pg_log_end(log);
}

bool pg_session_readable(pg_session *session, int64_t req_id, const ib_fields *fields) {
  if (fields->bad_field == 0) return true;
  pg_session_error(session, req_id, PG_CODE_UNREADABLE,
                   "Error reading request. Unable to parse data in field %d", fields->bad_field);
  return false;
}
