#include "tests/fakes/counter.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh/runtime/fiber.h"
#include "millrace/test/v1/counter.pb-c.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

typedef struct counting {
  counter_host *host;
  Millrace__Test__V1__CountRequest *request;  // owned
  mesh_operation *operation;
  int64_t position, steps;
  mesh_scope deaf;  // where the work waits if it takes no notice of a cancel
  char summary[96], detail[64];
  Millrace__V1__LayerStop stop;
  Millrace__V1__LayerStop *stops[1];
  Google__Protobuf__Timestamp stopped;
} counting;

// One line, in one write, so that lines of a killed host are whole.
static void note(const counting *own, const char *what, int64_t number, const char *more) {
  if (own->host->log_path == NULL) return;
  char line[192];
  int size = snprintf(line, sizeof line, "%s %s %lld%s\n", what,
                      mesh_operation_name(own->operation), (long long)number, more);
  int fd = open(own->host->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, line, (size_t)size) != size) abort();
  close(fd);
}

// ---- reports ----

static mesh_code report_checkpoint(counting *own, mesh_error *err) {
  Millrace__V1__Checkpoint checkpoint = MILLRACE__V1__CHECKPOINT__INIT;
  checkpoint.position = own->position;
  checkpoint.total = own->request->to;
  checkpoint.unit = "steps";
  int64_t now_ns = mesh_wall_ns();  // what a benchmark compares with its own clock
  checkpoint.state.data = (uint8_t *)&now_ns;
  checkpoint.state.len = sizeof now_ns;
  uint8_t bytes[64];
  mesh_view body = {bytes, millrace__v1__checkpoint__pack(&checkpoint, bytes)};
  return mesh_operation_report(own->operation, PAYLOAD(CHECKPOINT), body, err);
}

static void show_progress(const counting *own) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  progress.done = own->position;
  progress.total = own->request->to;
  progress.unit = "steps";
  progress.eta_s = -1;
  char now[32];
  snprintf(now, sizeof now, "%lld", (long long)mesh_wall_ns());
  progress.note = now;
  mesh_operation_progress(own->operation, &progress);
}

// ---- the work ----

static mesh_code wait_for_step(counting *own, mesh_error *err) {
  mesh_scope *scope = own->request->stubborn ? &own->deaf : mesh_operation_scope(own->operation);
  if (own->request->step_us > 0) {
    return mesh_sleep_until(scope, mesh_now_ns() + own->request->step_us * 1000, err);
  }
  mesh_yield(scope->loop);
  return mesh_scope_check(scope, err);
}

static mesh_code take_step(counting *own, mesh_error *err) {
  mesh_code code = wait_for_step(own, err);
  if (code != GRPC_STATUS_OK) return code;
  own->position++;
  own->steps++;
  own->host->steps++;
  note(own, "step", own->position, "");
  if (!own->request->quiet) show_progress(own);
  if (own->position == own->request->fail_at) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "failed at step %lld, as it was told",
                     (long long)own->position);
  }
  int64_t every = own->request->checkpoint_every;
  return every > 0 && own->position % every == 0 ? report_checkpoint(own, err) : GRPC_STATUS_OK;
}

static void tell_stop(counting *own, Millrace__V1__Cancelled *cancelled) {
  int64_t now_ns = mesh_wall_ns();
  own->host->cancel_ns = now_ns;
  google__protobuf__timestamp__init(&own->stopped);
  own->stopped.seconds = now_ns / 1000000000;
  own->stopped.nanos = (int32_t)(now_ns % 1000000000);
  millrace__v1__layer_stop__init(&own->stop);
  snprintf(own->detail, sizeof own->detail, "stopped at step %lld", (long long)own->position);
  own->stop.layer = "counter-host";
  own->stop.time = &own->stopped;
  own->stop.detail = own->detail;
  own->stops[0] = &own->stop;
  cancelled->n_stops = 1;
  cancelled->stops = own->stops;
  cancelled->summary = own->detail;
}

static mesh_code count(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                       Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  counting *own = arg;
  own->operation = operation;
  own->host->begun++;
  mesh_scope_open_root(&own->deaf, mesh_operation_scope(operation)->loop);
  note(own, "begin", own->position, "");
  mesh_code code = GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK && own->position < own->request->to)
    code = take_step(own, err);
  mesh_scope_close(&own->deaf);
  if (code == GRPC_STATUS_CANCELLED) tell_stop(own, cancelled);
  if (code == GRPC_STATUS_UNAVAILABLE && own->steps > 0) {
    mesh_error ignored;  // this process leaves: where the next one goes on
    (void)!report_checkpoint(own, &ignored);
  }
  char text[32];
  snprintf(text, sizeof text, " %s", mesh_code_name(code));
  note(own, "end", own->position, text);
  snprintf(own->summary, sizeof own->summary, "counted to %lld, %lld steps in the last run",
           (long long)own->position, (long long)own->steps);
  succeeded->summary = own->summary;
  return code;
}

static void free_counting(void *arg) {
  counting *own = arg;
  millrace__test__v1__count_request__free_unpacked(own->request, NULL);
  free(own);
}

static mesh_code prepare(void *self, const Millrace__V1__RunRequest *request, mesh_work *work,
                         mesh_error *err) {
  Millrace__Test__V1__CountRequest *what =
      millrace__test__v1__count_request__unpack(NULL, request->request.len, request->request.data);
  if (what == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "RunRequest.request is no millrace.test.v1.CountRequest");
  }
  counting *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->host = self;
  own->request = what;
  if (request->checkpoint != NULL) own->position = request->checkpoint->position;
  *work = (mesh_work){.run = count, .on_end = free_counting, .arg = own};
  return GRPC_STATUS_OK;
}

void counter_host_init(counter_host *host, mesh_loop *loop) {
  static const mesh_method methods[] = {
      {.name = "Run", .run = mesh_hosted_run, .while_draining = true},
      {.name = "Cancel", .run = mesh_hosted_cancel, .while_draining = true}};
  *host = (counter_host){.service = {"millrace.test.v1.CounterHost", methods, 2, &host->hosted}};
  mesh_hosted_kind kind = {"count", prepare, host};
  mesh_hosted_init(&host->hosted, loop, "counter-host", &kind);
}

void counter_host_fini(counter_host *host) {
  mesh_hosted_fini(&host->hosted);
}
