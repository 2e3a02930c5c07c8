// Whose bars a load brings: those of the gateway that is there.
#include <string.h>

#include "backend/data/fetch.h"
#include "backend/data/load_internal.h"
#include "mesh/runtime/text.h"

typedef struct choose_job {
  load *own;
  mesh_code code;
  mesh_error err;
} choose_job;

static void do_choose(void *arg) {
  choose_job *job = arg;
  load *own = job->own;
  series_key asked = {own->symbol, own->timeframe->text, "", own->request->prices,
                      own->request->session};
  series_choice found;
  job->code = series_choose(own->manager->store, &asked, &own->manager->options.defaults, &found,
                            &job->err);
  if (job->code == GRPC_STATUS_OK) {
    mesh_text_copy(own->source, sizeof own->source, found.source);
  }
}

// Without a gateway: what is stored of one source alone may be all that is asked for.
static bool knows_only_source(load *own) {
  choose_job job = {.own = own};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_choose, &job);
  return job.code == GRPC_STATUS_OK && own->source[0] != '\0';
}

mesh_code load_find_source(load *own, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(own->operation);
  if (own->source[0] != '\0') return GRPC_STATUS_OK;  // what an adopted one has stored is of it
  mesh_text_copy(own->source, sizeof own->source, own->request->source);
  if (own->source[0] != '\0') return GRPC_STATUS_OK;
  mesh_code code = fetch_source(scope, own->manager->adapter, own->source, err);
  if (code == GRPC_STATUS_OK) return code;
  own->is_guess = knows_only_source(own);
  return own->is_guess ? GRPC_STATUS_OK : load_await_source(own, err);
}

mesh_code load_await_source(load *own, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(own->operation);
  load_piece piece = {.own = own};
  mesh_code code;
  own->is_guess = false;
  for (int attempt = 1;; attempt++) {
    code = fetch_source(scope, own->manager->adapter, own->source, err);
    if (code == GRPC_STATUS_OK) break;
    code = load_again(&piece, scope, "source", attempt, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  patience_end(&own->patience);
  return code;
}

mesh_code load_check_source(const load *own, const char *said, mesh_error *err) {
  if (strcmp(own->source, said) == 0) return GRPC_STATUS_OK;
  return mesh_fail(
      err, GRPC_STATUS_FAILED_PRECONDITION,
      "%s %s is a series of source %s, and the gateway that is there answers with bars "
      "of %s: they do not mix",
      own->symbol, own->timeframe->text, own->source, said);
}
