#include "host/training/service/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/message_report.h"
#include "mesh/rpc/wire_text.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"
#include "requests/training.h"

enum { SLICE_MS = 50, RETRY_FULL_MS = 1000, PIECE_S = 30 };

// ---- reports ----

static mesh_code report_log(training_run *own, const char *text, mesh_error *err) {
  Millrace__V1__LogLine line = MILLRACE__V1__LOG_LINE__INIT;
  line.level = MILLRACE__V1__LOG_LINE__LEVEL__WARNING;
  line.layer = "training-host";
  line.text = (char *)(uintptr_t)text;
  return mesh_message_report(own->operation, TRAINING_PAYLOAD(LOG), &line.base, err);
}

static void show_note(training_run *own, const char *note) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  progress.unit = "rows";
  progress.eta_s = -1;
  progress.note = (char *)(uintptr_t)note;
  mesh_operation_progress(own->operation, &progress);
}

static void show_progress(training_run *own) {
  trainer_progress at = trainer_progress_of(own->trainer);
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  char note[64];
  snprintf(note, sizeof note, "epoch %d of %d", at.epoch, at.epochs);
  progress.done = at.rows_done;
  progress.total = at.rows;
  progress.unit = "rows";
  progress.rate = at.samples_per_s;
  progress.eta_s = at.samples_per_s > 0 ? (double)(at.rows - at.rows_done) / at.samples_per_s : -1;
  progress.note = note;
  progress.loss = isfinite(at.loss) ? at.loss : 0;
  progress.accuracy = isfinite(at.accuracy) ? at.accuracy : 0;
  mesh_operation_progress(own->operation, &progress);
}

// The epochs that have ended since the last time.
static mesh_code report_epochs(training_run *own, mesh_error *err) {
  const trainer_epoch *epoch;
  mesh_code code = GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK &&
         (epoch = trainer_epoch_at(own->trainer, own->reported)) != NULL) {
    training_epoch_message message;
    training_epoch_fill(own, epoch, &message);
    code = mesh_message_report(own->operation, TRAINING_PAYLOAD(EPOCH_REPORT), &message.report.base,
                               err);
    if (code == GRPC_STATUS_OK) own->reported++;
  }
  return code;
}

// ---- checkpoints ----

static void do_save(void *arg) {
  training_run *own = arg;
  own->save_code = training_run_save(own, &own->save_error);
}

static mesh_code save(training_run *own, mesh_error *err) {
  mesh_pool_run(own->host->pool, own->host->loop, do_save, own);
  if (own->save_code != GRPC_STATUS_OK) {
    *err = own->save_error;
    return mesh_error_prefix(err, "checkpoint");
  }
  trainer_progress at = trainer_progress_of(own->trainer);
  own->saved_ns = mesh_now_ns();
  own->saved_step = at.step;
  own->saved_epoch = at.epoch;
  Millrace__V1__Checkpoint checkpoint = MILLRACE__V1__CHECKPOINT__INIT;
  checkpoint.position = at.step;
  checkpoint.total = at.steps;
  checkpoint.unit = "steps";
  checkpoint.state.data = (uint8_t *)own->checkpoint;
  checkpoint.state.len = strlen(own->checkpoint);
  return mesh_message_report(own->operation, TRAINING_PAYLOAD(CHECKPOINT), &checkpoint.base, err);
}

// A checkpoint that finds no room is no end: it goes on without, says so once, and tries again when
// the next one is due.
static mesh_code save_if_there_is_room(training_run *own, mesh_error *err) {
  mesh_code code = save(own, err);
  bool was_unsaved = own->unsaved;
  own->unsaved = code == GRPC_STATUS_RESOURCE_EXHAUSTED;
  if (!own->unsaved) return code;
  trainer_progress at = trainer_progress_of(own->trainer);
  own->saved_ns = mesh_now_ns();
  own->saved_epoch = at.epoch;
  if (was_unsaved) return GRPC_STATUS_OK;
  char text[MESH_ERROR_MESSAGE_MAX + 64];
  mesh_text_format(text, sizeof text, "%s; it goes on without, and tries again", err->message);
  return report_log(own, text, err);
}

// After so many epochs or seconds; where the request says neither, after each epoch but not more
// often than each second, and each 30 s within one.
static bool is_due(const training_run *own, bool epoch_ended) {
  const Millrace__V1__TrainRequest *request = own->request;
  int64_t waited_s = (mesh_now_ns() - own->saved_ns) / MESH_S_NS;
  int epochs = trainer_progress_of(own->trainer).epoch - own->saved_epoch;
  if (request->checkpoint_epochs > 0 && epoch_ended && epochs >= request->checkpoint_epochs) {
    return true;
  }
  if (request->checkpoint_s > 0) return waited_s >= request->checkpoint_s;
  if (request->checkpoint_epochs > 0) return false;
  return waited_s >= (epoch_ended ? 1 : PIECE_S);
}

// ---- the loop ----

typedef struct slice {
  training_run *own;
  trainer_state state;
  mesh_code code;
  mesh_error err;
} slice;

// Goes on over the ends of epochs, unless a checkpoint is due at one: an epoch may take a
// millisecond, and to change threads at each would cost more than to train.
static void do_slice(void *arg) {
  slice *one = arg;
  training_run *own = one->own;
  int64_t until_ns = mesh_time_after_ms(mesh_now_ns(), SLICE_MS);
  do {
    one->code = trainer_advance(own->trainer, until_ns, &own->stop, &one->state, &one->err);
  } while (one->code == GRPC_STATUS_OK && one->state == TRAINER_EPOCH && mesh_now_ns() < until_ns &&
           !train_stopped(&own->stop) && !is_due(own, true));
}

static mesh_code advance(training_run *own, trainer_state *state, mesh_error *err) {
  slice one = {.own = own};
  mesh_pool_run(own->host->pool, own->host->loop, do_slice, &one);
  *state = one.state;
  if (one.code != GRPC_STATUS_OK) *err = one.err;
  return one.code;
}

static mesh_code train(training_run *own, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(own->operation);
  trainer_state state = TRAINER_RUNNING;
  mesh_code code = mesh_scope_check(scope, err);
  while (code == GRPC_STATUS_OK && state != TRAINER_FINISHED) {
    mesh_error failed;
    code = advance(own, &state, &failed);
    show_progress(own);
    // Whatever stops it here: what has ended is told.
    mesh_code told = report_epochs(own, err);
    if (code != GRPC_STATUS_OK) {
      *err = failed;
    } else {
      code = told;
    }
    if (code == GRPC_STATUS_OK) code = mesh_scope_check(scope, err);
    if (code == GRPC_STATUS_OK && state != TRAINER_FINISHED &&
        is_due(own, state == TRAINER_EPOCH)) {
      code = save_if_there_is_room(own, err);
    }
  }
  return code;
}

// ---- before and after ----

// All of them together may take what a training may.
static mesh_code check_bars(const training_run *own, size_t count, mesh_error *err) {
  int64_t limit = own->host->options.memory_bytes, all = 0;
  for (size_t i = 0; i < count; i++)
    all += (int64_t)series_bytes(&own->series[i]);
  if (limit == 0 || all <= limit) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                   "the bars of %zu series take %lld MiB: this host gives a training %lld", count,
                   (long long)all >> 20, (long long)limit >> 20);
}

typedef struct look {
  training_run *own;
  size_t which;
  char text[TRAINING_LOOK_MAX];
} look;

static void do_look(void *arg) {
  look *one = arg;
  training_run_look(one->own, one->which, one->text);
}

// Who started it is told, at the beginning.
static mesh_code report_odd(training_run *own, size_t which, mesh_error *err) {
  if (own->resume_from[0] != '\0') return GRPC_STATUS_OK;
  look one = {.own = own, .which = which};
  mesh_pool_run(own->host->pool, own->host->loop, do_look, &one);
  return one.text[0] != '\0' ? report_log(own, one.text, err) : GRPC_STATUS_OK;
}

static mesh_code read_series(training_run *own, mesh_error *err) {
  const strategy *strategy = own->strategy;
  const Millrace__V1__TrainRequest *request = own->request;
  series_window window = {
      .from_s = request->from != NULL ? request->from->seconds : strategy->from_s,
      .to_s = request->to != NULL ? request->to->seconds : strategy->to_s};
  size_t count = (size_t)strategy->symbol_count * (size_t)strategy->timeframe_count;
  own->series = calloc(count, sizeof *own->series);
  own->names = calloc(count, sizeof *own->names);
  if (own->series == NULL || own->names == NULL) abort();
  for (size_t i = 0; i < count; i++) {
    series_name *name = &own->names[i];
    name->symbol = strategy->symbols[i / (size_t)strategy->timeframe_count];
    name->timeframe = strategy->timeframes[i % (size_t)strategy->timeframe_count];
    mesh_text_copy(name->source, sizeof name->source, request->source);
    char note[TRAINING_TEXT_MAX];
    mesh_text_format(note, sizeof note, "reading %s %s", name->symbol, name->timeframe);
    show_note(own, note);
    mesh_code code = series_cache_read(&own->host->cache, mesh_operation_scope(own->operation),
                                       name, &window, &own->series[i], err);
    if (code == GRPC_STATUS_OK) code = check_bars(own, i + 1, err);
    if (code == GRPC_STATUS_OK) code = report_odd(own, i, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

typedef struct piece {
  training_run *own;
  mesh_code code;
  mesh_error err;
  char note[TRAINING_TEXT_MAX];
} piece;

static void do_read_strategy(void *arg) {
  piece *one = arg;
  one->code = training_run_read_strategy(one->own, &one->err);
}

static void do_build(void *arg) {
  piece *one = arg;
  one->code = training_run_build(one->own, one->note, &one->err);
}

static void do_finish(void *arg) {
  piece *one = arg;
  one->code = training_run_finish(one->own, &one->err);
}

static mesh_code read_strategy(training_run *own, mesh_error *err) {
  piece one = {.own = own};
  mesh_pool_run(own->host->pool, own->host->loop, do_read_strategy, &one);
  if (one.code != GRPC_STATUS_OK) *err = one.err;
  return one.code;
}

static mesh_code build(training_run *own, mesh_error *err) {
  piece one = {.own = own};
  show_note(own, "computing features");
  mesh_pool_run(own->host->pool, own->host->loop, do_build, &one);
  if (one.code != GRPC_STATUS_OK) *err = one.err;
  if (one.code == GRPC_STATUS_OK && one.note[0] != '\0') return report_log(own, one.note, err);
  return one.code;
}

// What was trained waits for room on the disk.
static mesh_code finish(training_run *own, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(own->operation);
  for (;;) {
    piece one = {.own = own};
    mesh_pool_run(own->host->pool, own->host->loop, do_finish, &one);
    if (one.code == GRPC_STATUS_OK) return one.code;
    *err = one.err;
    if (!own->unwritten) return one.code;
    show_note(own, one.err.message);
    mesh_code code = mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), RETRY_FULL_MS), err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

// What was reached is kept, so that it can be resumed; the outcome says where.
static void tell_stop(training_run *own, Millrace__V1__Cancelled *cancelled) {
  int64_t now_ns = mesh_wall_ns();
  trainer_progress at = {0};
  if (own->trainer != NULL) at = trainer_progress_of(own->trainer);
  snprintf(own->detail, sizeof own->detail, "stopped after step %lld of %lld, in epoch %d of %d",
           (long long)at.step, (long long)at.steps, at.epoch, at.epochs);
  google__protobuf__timestamp__init(&own->stopped);
  own->stopped.seconds = mesh_time_seconds(now_ns);
  own->stopped.nanos = mesh_time_nanos(now_ns);
  millrace__v1__layer_stop__init(&own->stop_told);
  own->stop_told.layer = "training-host";
  own->stop_told.time = &own->stopped;
  own->stop_told.detail = own->detail;
  own->stops[0] = &own->stop_told;
  cancelled->n_stops = 1;
  cancelled->stops = own->stops;
  cancelled->summary = own->detail;
}

// Cancelled, or this process leaves: what was reached becomes a checkpoint.
static void keep(training_run *own) {
  mesh_error err;
  if (own->trainer == NULL || trainer_progress_of(own->trainer).step == own->saved_step) return;
  if (save(own, &err) != GRPC_STATUS_OK) {
    mesh_error ignored;
    (void)!report_log(own, err.message, &ignored);
  }
}

static void on_cancel(mesh_cancel_hook *hook) {
  train_stop_ask(&MESH_CONTAINER_OF(hook, training_run, hook)->stop);
}

static mesh_code work(training_run *own, mesh_error *err) {
  mesh_code code = read_strategy(own, err);
  if (code == GRPC_STATUS_OK && own->strategy->warning[0] != '\0')
    code = report_log(own, own->strategy->warning, err);
  if (code == GRPC_STATUS_OK) code = read_series(own, err);
  if (code == GRPC_STATUS_OK) code = build(own, err);
  if (code == GRPC_STATUS_OK) code = train(own, err);
  return code == GRPC_STATUS_OK ? finish(own, err) : code;
}

// On a pool thread: a GPU is given back where one may wait for it, with the stack that a driver
// wants, and much memory where the system may take its time to have it back.
static void do_release(void *arg) {
  training_run *own = arg;
  if (own->succeeded)
    checkpoints_clear(own->host->options.directory, mesh_operation_name(own->operation));
  trainer_destroy(own->trainer);
  train_engine_destroy(own->engine);
  dataset_destroy(own->data);
  int count =
      own->strategy == NULL ? 0 : own->strategy->symbol_count * own->strategy->timeframe_count;
  for (int i = 0; own->series != NULL && i < count; i++)
    bar_columns_clear(&own->series[i]);
  free(own->series);
  free(own->names);
  own->trainer = NULL;
  own->engine = NULL;
  own->data = NULL;
  own->series = NULL;
}

// What a driver reports as anything but too little memory concerns the whole process: trainings
// after this one do not try again.
static void lose_gpu(training_run *own) {
  mesh_log(
      MESH_LOG_ERROR, "training-host",
      "the GPU has failed in %s, whose events say how; until this process is started again the "
      "CPU trains",
      mesh_operation_name(own->operation));
  own->host->no_gpu = "the GPU has failed; the host's log says in which operation";
}

static mesh_code run(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                     Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  training_run *own = arg;
  own->operation = operation;
  own->no_gpu = own->host->no_gpu;
  own->began_ns = own->saved_ns = mesh_now_ns();
  own->hook.on_cancel = on_cancel;
  mesh_scope_add_hook(mesh_operation_scope(operation), &own->hook);
  mesh_code code = work(own, err);
  mesh_scope_remove_hook(&own->hook);
  mesh_code ended = mesh_scope_check(mesh_operation_scope(operation), NULL);
  if (code != GRPC_STATUS_OK && ended != GRPC_STATUS_OK) {
    code = mesh_scope_check(mesh_operation_scope(operation), err);
    keep(own);
    tell_stop(own, cancelled);
  }
  if (own->gpu_failed || (code == GRPC_STATUS_INTERNAL && own->on_gpu && !own->file_failed))
    lose_gpu(own);
  own->succeeded = code == GRPC_STATUS_OK;
  mesh_pool_run(own->host->pool, own->host->loop, do_release, own);
  if (code == GRPC_STATUS_OK) {
    succeeded->summary = own->summary;
    succeeded->result_case = MILLRACE__V1__SUCCEEDED__RESULT_TRAIN;
    succeeded->train = &own->result;
  }
  return code;
}

// ---- the request ----

static void destroy(void *arg) {
  training_run *own = arg;
  training_run **at = &own->host->runs;
  while (*at != own)
    at = &(*at)->next;
  *at = own->next;
  own->host->running--;
  strategy_destroy(own->strategy);  // the outcome has pointed into it
  if (own->request != NULL) millrace__v1__train_request__free_unpacked(own->request, NULL);
  free(own);
}

// What a RunRequest carries is bytes for whoever passes it on: its text is looked at here.
static mesh_code unpack_request(training_run *own, mesh_view request, mesh_error *err) {
  static const char *const documents[] = {"millrace.v1.TrainRequest.strategy", NULL};
  mesh_wire_type type = mesh_wire_type_of(&millrace__v1__train_request__descriptor);
  mesh_code code = mesh_wire_check_text(type, request, documents, err);
  if (code != GRPC_STATUS_OK) return code;
  own->request = training_request_take(&millrace__v1__train_request__descriptor,
                                       (mesh_frame){request.data, request.size_bytes, false}, err);
  return own->request != NULL ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT;
}

static mesh_code check_room(const training_host *host, mesh_error *err) {
  if (host->running < host->options.slots) return GRPC_STATUS_OK;
  mesh_code code = mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                             "training-host: all %d slots are taken", host->options.slots);
  mesh_error_set_reason(err, "HOST_FULL", "training-host.millrace");
  mesh_error_set_retry(err, RETRY_FULL_MS);
  return code;
}

mesh_code training_run_prepare(void *self, const Millrace__V1__RunRequest *request, mesh_work *out,
                               mesh_error *err) {
  training_host *host = self;
  mesh_code code = check_room(host, err);
  if (code != GRPC_STATUS_OK) return code;
  training_run *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->host = host;
  own->next = host->runs;
  host->runs = own;
  host->running++;
  code = unpack_request(own, (mesh_view){request->request.data, request->request.len}, err);
  if (code != GRPC_STATUS_OK) {
    destroy(own);
    return code;
  }
  if (request->checkpoint != NULL && request->checkpoint->state.len < CHECKPOINT_NAME_MAX) {
    memcpy(own->resume_from, request->checkpoint->state.data, request->checkpoint->state.len);
  }
  *out = (mesh_work){run, destroy, own};
  return GRPC_STATUS_OK;
}
