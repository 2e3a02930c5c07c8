// What a load does after a request failed: asks again at once, later, or not.
#include <string.h>

#include "backend/data/load_internal.h"
#include "mesh/operation/operation_retry.h"
#include "mesh/runtime/text.h"

// A segment whose "no data" is not believed is asked for so rarely that it breaks no pacing rule.
static const mesh_backoff doubt_backoff = {.base_ms = 1000, .cap_ms = 60000};

bool load_is_doubt(const mesh_error *err) {
  return strcmp(err->reason, "SOURCE_AWAY") == 0;
}

// The source knew the instrument a moment ago: that it does not now is its own trouble.
static void doubt_no_contract(const load *own, mesh_error *err) {
  bool known = own->had_bars || own->stored + own->empty > 0;
  if (!known || err->code != GRPC_STATUS_NOT_FOUND) return;
  if (strcmp(err->reason, "NO_CONTRACT") == 0) mesh_error_set_retry(err, doubt_backoff.base_ms);
}

static void say_failed(load *own, int attempt, const mesh_error *err) {
  char note[LOAD_TEXT_MAX];
  mesh_text_format(note, sizeof note, "attempt %d failed: %.*s", attempt,
                   MESH_TEXT_SHOWN(err->message, 200));
  load_progress(own, note);
}

// Other segments go first. The first that is put off is in the history.
static mesh_code put_off(const load *own, const char *piece, int attempt, mesh_error *err) {
  if (own->doubted_count > 0) return err->code;
  mesh_error why = *err;
  mesh_code code = mesh_operation_report_attempt(own->operation, piece, attempt, &why,
                                                 doubt_backoff.base_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  *err = why;
  return err->code;
}

static mesh_code wait_out(load_piece *piece, mesh_scope *scope, mesh_error *err) {
  load *own = piece->own;
  int64_t wait_ms, now_ns = mesh_now_ns();
  if (piece->doubts == 0) {
    piece->doubted_until_ns = mesh_time_after_ms(now_ns, own->patience.limit_ms);
  }
  if (now_ns >= piece->doubted_until_ns) return err->code;
  mesh_code code = mesh_retry_plan(&doubt_backoff, NULL, ++piece->doubts, &wait_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  load_progress(own, err->message);
  int64_t due_ns = mesh_time_after_ms(now_ns, wait_ms);
  if (due_ns > piece->doubted_until_ns) due_ns = piece->doubted_until_ns;
  return mesh_sleep_until(scope, due_ns, err);
}

mesh_code load_again(void *arg, mesh_scope *scope, const char *name, int attempt, mesh_error *err) {
  load_piece *piece = arg;
  load *own = piece->own;
  if (scope->code != GRPC_STATUS_OK) return mesh_scope_check(scope, err);
  // In an outage no answer at all is more of it.
  bool lasts = own->patience.until_ns != 0 && err->code == GRPC_STATUS_DEADLINE_EXCEEDED;
  if (patience_is_for(err) || lasts) {
    return patience_wait(&own->patience, scope, name, attempt, err);
  }
  patience_end(&own->patience);
  if (load_is_doubt(err)) {
    return piece->may_be_put_off ? put_off(own, name, attempt, err) : wait_out(piece, scope, err);
  }
  doubt_no_contract(own, err);
  piece->failures++;
  if (mesh_error_is_retryable(err)) say_failed(own, piece->failures, err);
  return mesh_operation_retry(own->operation, scope, own->manager->adapter,
                              &own->manager->options.backoff, name, piece->failures, err);
}
