#include "tests/backend/operations/service_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protos/descriptors.h"

// ---- the work ----

static mesh_code report_checkpoint(mesh_operation *operation, mesh_error *err) {
  Millrace__V1__Checkpoint checkpoint = MILLRACE__V1__CHECKPOINT__INIT;
  checkpoint.position = 7;
  uint8_t bytes[64];
  mesh_view body = {bytes, millrace__v1__checkpoint__pack(&checkpoint, bytes)};
  return mesh_operation_report(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_CHECKPOINT, body,
                               err);
}

static mesh_code run_work(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                          Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  (void)cancelled;
  service_bench *own = arg;
  mesh_code code = report_checkpoint(operation, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  progress.done = 7;
  mesh_operation_progress(operation, &progress);
  code = mesh_signal_wait(&own->go, mesh_operation_scope(operation), MESH_NEVER, err);
  if (code != GRPC_STATUS_OK) return code;
  if (strcmp(mesh_operation_record_of(operation).title, "broken") == 0)
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "it is broken");
  succeeded->summary = "it is done";
  return GRPC_STATUS_OK;
}

static void end_work(void *arg) {
  (void)arg;
}

void service_bench_start(service_bench *own, const char *name, const char *title,
                         const char *team) {
  Millrace__V1__StartOptions__LabelsEntry label = MILLRACE__V1__START_OPTIONS__LABELS_ENTRY__INIT;
  Millrace__V1__StartOptions__LabelsEntry *labels[1] = {&label};
  label.key = "team", label.value = (char *)team;
  Millrace__V1__StartOptions options = MILLRACE__V1__START_OPTIONS__INIT;
  options.detached = true;
  options.labels = labels, options.n_labels = team != NULL;
  mesh_start start = {.kind = "test", .title = title, .name = name, .options = &options};
  mesh_work work = {run_work, end_work, own};
  char made[MESH_OPERATION_NAME_MAX];
  const char *joined;
  mesh_error err;
  mesh_code code = mesh_operation_start(own->operations, &start, &work, made, &joined, &err);
  if (code != GRPC_STATUS_OK) fail_msg("%s: %s", name, err.message);
  assert_string_equal(made, name);
  mesh_operation_record record = {0};
  mesh_view progress = {0};
  int watchers;
  do {
    mesh_yield(own->test->loop);
    assert_true(mesh_operation_peek(own->operations, name, &record, &progress, &watchers));
  } while (progress.size_bytes == 0);
}

void service_bench_finish(service_bench *own, const char *name) {
  mesh_error err;
  mesh_signal_notify(&own->go);
  assert_int_equal(mesh_operation_await(own->operations, name, &own->test->scope, &err),
                   GRPC_STATUS_OK);
}

// ---- calls ----

static void forget_answers(service_bench *own) {
  while (own->count > 0)
    free(own->answers[--own->count]);
}

mesh_call *service_bench_open(service_bench *own, const char *method, const char *json) {
  mesh_error err = {.message = ""};
  mesh_method_info info;
  uint8_t *request = NULL;
  size_t size_bytes = 0;
  assert_int_equal(mesh_schema_method(own->schema, method, &info, &err), GRPC_STATUS_OK);
  mesh_code code =
      mesh_schema_from_json(own->schema, info.input_type, json, &request, &size_bytes, &err);
  if (code != GRPC_STATUS_OK) fail_msg("%s: %s", json, err.message);
  char path[128];
  snprintf(path, sizeof path, "/%s", method);
  mesh_call *call;
  assert_int_equal(mesh_call_open(&own->test->scope, own->link, path,
                                  (mesh_frame){request, size_bytes, false}, NULL, &call, &err),
                   GRPC_STATUS_OK);
  free(request);
  return call;
}

mesh_code service_bench_take(service_bench *own, mesh_call *call, const char *method) {
  mesh_frame frame;
  mesh_method_info info;
  forget_answers(own);
  own->err = (mesh_error){.message = ""};
  assert_int_equal(mesh_schema_method(own->schema, method, &info, &own->err), GRPC_STATUS_OK);
  mesh_code code;
  while ((code = mesh_call_receive(call, &frame, &own->err)) == GRPC_STATUS_OK && !frame.end) {
    assert_true(own->count < ANSWERS_MAX);
    mesh_view view = {frame.data, frame.size_bytes};
    assert_int_equal(mesh_schema_to_json(own->schema, info.output_type, view,
                                         &own->answers[own->count++], &own->err),
                     GRPC_STATUS_OK);
  }
  return code;
}

mesh_code service_bench_call(service_bench *own, const char *method, const char *json) {
  mesh_call *call = service_bench_open(own, method, json);
  mesh_code code = service_bench_take(own, call, method);
  mesh_call_close(call);
  return code;
}

// ---- the bench ----

void service_bench_init(service_bench *own, harness *test) {
  mesh_error err;
  *own = (service_bench){.test = test, .journal = mesh_memory_journal_create()};
  const mesh_journal *journal = mesh_memory_journal_table(own->journal);
  own->operations = mesh_operations_create(test->loop, "tester", journal, NULL);
  operations_service_init(&own->service, own->operations, journal);
  longrunning_service_init(&own->longrunning, own->operations, journal);
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &own->schema, &err), GRPC_STATUS_OK);
  own->server = mesh_server_create(test->loop, own->schema);
  mesh_server_add(own->server, &own->service.service);
  mesh_server_add(own->server, &own->longrunning.service);
  mesh_server_start(own->server);
  assert_int_equal(mesh_link_open_local(test->loop, "bench", own->server, &own->link, &err),
                   GRPC_STATUS_OK);
}

void service_bench_fini(service_bench *own) {
  forget_answers(own);
  mesh_operations_stop(own->operations);
  mesh_link_close(own->link);
  mesh_server_stop(own->server, mesh_now_ns() + INT64_C(5000000000));
  mesh_server_destroy(own->server);
  mesh_schema_destroy(own->schema);
  mesh_operations_destroy(own->operations);
  mesh_memory_journal_destroy(own->journal);
}
