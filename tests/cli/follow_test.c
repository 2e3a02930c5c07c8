// Following an operation of a scripted backend: what is printed, reattached, and cancelled.
#include "cli/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define MS_NS INT64_C(1000000)

enum { TEXT_MAX = 8192 };

// A backend whose Load stream breaks behind `break_after` durable events (0: it does not).
typedef struct backend {
  mesh_loop *loop;
  mesh_schema *schema;
  mesh_server *server;
  int break_after;
  int refuse;              // so many calls of Load are refused: the backend leaves
  client *silent_client;   // the first Load stream says nothing more behind its first event
  bool leaves;             // it sends a heartbeat and a Drain event, then breaks
  int loaded;              // calls of Load
  int watched;             // calls of Watch
  int64_t after_sequence;  // what the last one asked for
  bool detached;
  const char *joined;     // not NULL: Load begins with Joined, because of this
  bool held;              // Cancel is refused: others have it, too
  bool waits_for_cancel;  // Load stays silent until Cancel is called
  int64_t cancelled_ns;   // when it was
  char requested_by[64];
  mesh_signal changed;
  mesh_code failure;  // the outcome; OK: it succeeds
} backend;

// ---- its events ----

static mesh_code send_event(mesh_call *call, mesh_event_class class, int64_t sequence,
                            uint32_t payload, const ProtobufCMessage *message, mesh_error *err) {
  uint8_t body[512], bytes[1024];
  mesh_event event = {.operation = {(const uint8_t *)"load-1", 6},
                      .epoch = 1,
                      .sequence = sequence,
                      .event_class = class,
                      .time_ns = 1,
                      .payload = payload,
                      .body = {body, protobuf_c_message_pack(message, body)}};
  size_t size = mesh_event_encode(&event, bytes, sizeof bytes);
  return mesh_call_send(call, (mesh_frame){bytes, size, false}, err);
}

static mesh_code send_outcome(backend *own, mesh_call *call, int64_t sequence, mesh_error *err) {
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  Millrace__V1__Succeeded succeeded = MILLRACE__V1__SUCCEEDED__INIT;
  Millrace__V1__Cancelled cancelled = MILLRACE__V1__CANCELLED__INIT;
  Google__Rpc__Status failed = GOOGLE__RPC__STATUS__INIT;
  succeeded.summary = "3 bars stored";
  cancelled.last_layer = "ib-host";
  failed.code = (int)own->failure;
  failed.message = "the disk is full";
  outcome.outcome_case = own->cancelled_ns != 0           ? MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED
                         : own->failure == GRPC_STATUS_OK ? MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED
                                                          : MILLRACE__V1__OUTCOME__OUTCOME_FAILED;
  if (outcome.outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED) {
    outcome.cancelled = &cancelled;
  } else if (own->failure == GRPC_STATUS_OK) {
    outcome.succeeded = &succeeded;
  } else {
    outcome.failed = &failed;
  }
  return send_event(call, MESH_DURABLE, sequence, PAYLOAD(OUTCOME), &outcome.base, err);
}

// Events 1 (accepted), 2 and 3 (segments), 4 (outcome); progress behind each segment.
static mesh_code send_from(backend *own, mesh_call *call, int64_t first, int last,
                           mesh_error *err) {
  Millrace__V1__Accepted accepted = MILLRACE__V1__ACCEPTED__INIT;
  Millrace__V1__SegmentReport segment = MILLRACE__V1__SEGMENT_REPORT__INIT;
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  progress.done = 1;
  progress.total = 2;
  progress.unit = "segments";
  progress.eta_s = -1;
  accepted.kind = "load";
  accepted.title = "SPX 1d";
  accepted.detached = own->detached;
  mesh_code code = GRPC_STATUS_OK;
  for (int64_t i = first; i <= last && code == GRPC_STATUS_OK; i++) {
    if (i == 1) code = send_event(call, MESH_DURABLE, i, PAYLOAD(ACCEPTED), &accepted.base, err);
    if (i == 4) code = send_outcome(own, call, i, err);
    if (i == 1 || i == 4) continue;
    code = send_event(call, MESH_DURABLE, i, PAYLOAD(SEGMENT), &segment.base, err);
    if (code != GRPC_STATUS_OK) break;
    code = send_event(call, MESH_MERGEABLE, i, PAYLOAD(PROGRESS), &progress.base, err);
  }
  return code;
}

// ---- its methods ----

static mesh_code leave(backend *own, mesh_call *call, mesh_error *err) {
  Millrace__V1__Heartbeat heartbeat = MILLRACE__V1__HEARTBEAT__INIT;
  Millrace__V1__Drain drain = MILLRACE__V1__DRAIN__INIT;
  drain.layer = "data-manager";
  drain.resume_after = 2;
  own->watched = 1;  // it is there again at once
  mesh_code code = send_from(own, call, 1, 2, err);
  if (code == GRPC_STATUS_OK) {
    code = send_event(call, MESH_MERGEABLE, 2, PAYLOAD(HEARTBEAT), &heartbeat.base, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = send_event(call, MESH_MERGEABLE, 2, PAYLOAD(DRAIN), &drain.base, err);
  }
  return code != GRPC_STATUS_OK ? code : mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "it leaves");
}

static mesh_code send_joined(const backend *own, mesh_call *call, mesh_error *err) {
  Millrace__V1__Joined joined = MILLRACE__V1__JOINED__INIT;
  joined.because = (char *)(uintptr_t)own->joined;
  return send_event(call, MESH_MERGEABLE, 0, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_JOINED,
                    &joined.base, err);
}

// Only what follows a heartbeat that was heard may be taken for silence: until then, and once it
// asks again, the client is patient. So no machine is too slow for it.
static mesh_code go_silent(backend *own, mesh_call *call, mesh_error *err) {
  Millrace__V1__Heartbeat heartbeat = MILLRACE__V1__HEARTBEAT__INIT;
  mesh_code code = send_from(own, call, 1, 1, err);
  while (code == GRPC_STATUS_OK && !own->silent_client->connected)
    code = mesh_sleep_until(mesh_call_scope(call), mesh_now_ns() + MS_NS, err);
  own->silent_client->silent_ms = 20;
  if (code == GRPC_STATUS_OK) {
    code = send_event(call, MESH_MERGEABLE, 1, PAYLOAD(HEARTBEAT), &heartbeat.base, err);
  }
  return code == GRPC_STATUS_OK ? mesh_sleep_until(mesh_call_scope(call), MESH_NEVER, err) : code;
}

static mesh_code load(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  (void)frame;
  backend *own = self;
  own->loaded++;
  if (own->refuse-- > 0) {
    mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "it leaves");
    mesh_error_set_reason(err, "DRAINING", "mesh.millrace");
    return err->code;
  }
  if (own->silent_client != NULL) return go_silent(own, call, err);
  if (own->leaves) return leave(own, call, err);
  if (own->break_after > 0) {
    mesh_code code = send_from(own, call, 1, own->break_after, err);
    return code != GRPC_STATUS_OK ? code : mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "gone");
  }
  mesh_code code = own->joined != NULL ? send_joined(own, call, err) : GRPC_STATUS_OK;
  if (code == GRPC_STATUS_OK) code = send_from(own, call, 1, own->waits_for_cancel ? 2 : 4, err);
  while (code == GRPC_STATUS_OK && own->waits_for_cancel && own->cancelled_ns == 0) {
    code = mesh_signal_wait(&own->changed, mesh_call_scope(call), MESH_NEVER, err);
  }
  if (code == GRPC_STATUS_OK && own->waits_for_cancel) code = send_outcome(own, call, 3, err);
  return code;
}

static mesh_code watch(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  backend *own = self;
  Millrace__V1__WatchOperationRequest *request =
      millrace__v1__watch_operation_request__unpack(NULL, frame.size_bytes, frame.data);
  own->watched++;
  if (own->silent_client != NULL) own->silent_client->silent_ms = 0;  // as long as usual
  own->after_sequence = request->after_sequence;
  millrace__v1__watch_operation_request__free_unpacked(request, NULL);
  if (own->watched == 1) return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "still gone");
  return send_from(own, call, own->after_sequence, 4, err);  // the last one again, too
}

static mesh_code cancel(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  (void)call;
  backend *own = self;
  Millrace__V1__CancelOperationRequest *request =
      millrace__v1__cancel_operation_request__unpack(NULL, frame.size_bytes, frame.data);
  snprintf(own->requested_by, sizeof own->requested_by, "%s", request->requested_by);
  assert_true(request->unless_held);
  millrace__v1__cancel_operation_request__free_unpacked(request, NULL);
  if (own->held) {
    mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "load-1 is watched by 2: it goes on");
    mesh_error_set_reason(err, "HELD", "mesh.millrace");
    return err->code;
  }
  own->cancelled_ns = mesh_now_ns();
  mesh_signal_notify(&own->changed);
  return GRPC_STATUS_OK;
}

static const mesh_method load_methods[] = {{.name = "Load", .run = load}};
static const mesh_method watch_methods[] = {{.name = "Watch", .run = watch},
                                            {.name = "Cancel", .run = cancel}};

// ---- a test: a client of that backend, and what it printed ----

typedef struct scene {
  backend backend;
  client client;
  follow follow;
  bool press_ctrl_c;  // once the operation is known
  bool text;          // for people, into a file; Ctrl-C waits until it was told how far it is
  int64_t pressed_ns;
  mesh_code code, conclusion;
  mesh_error err;
  char printed[TEXT_MAX];
} scene;

static const command test_command = {.name = "data load"};

static void press_ctrl_c(void *arg) {
  scene *own = arg;
  mesh_error err;
  while (own->follow.sequence < 2 || (own->text && own->follow.stills < 3)) {
    mesh_code code = mesh_sleep_until(&own->client.scope, mesh_now_ns() + MS_NS, &err);
    assert_int_equal(code, GRPC_STATUS_OK);
  }
  own->client.interrupted = true;
  own->pressed_ns = mesh_now_ns();
  own->client.on_interrupt(own->client.on_interrupt_arg);
}

static void follow_it(scene *own) {
  Millrace__V1__GetOperationRequest request = MILLRACE__V1__GET_OPERATION_REQUEST__INIT;
  if (own->press_ctrl_c) mesh_fiber_start(&own->client.scope, press_ctrl_c, own);
  own->code = follow_run(&own->follow, &own->client, "/millrace.v1.DataService/Load", &request.base,
                         &own->err);
  own->conclusion = own->code;
  if (own->code == GRPC_STATUS_OK && own->follow.outcome != NULL) {
    own->conclusion = follow_conclude(&own->follow, &own->err);
  }
  follow_clear(&own->follow);
}

static void run_scene(harness *test, void *arg) {
  scene *own = arg;
  mesh_service services[] = {{"millrace.v1.DataService", load_methods, 1, &own->backend},
                             {"millrace.v1.OperationsService", watch_methods, 2, &own->backend}};
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &own->backend.schema, NULL), GRPC_STATUS_OK);
  own->backend.server = mesh_server_create(test->loop, own->backend.schema);
  mesh_server_add(own->backend.server, &services[0]);
  mesh_server_add(own->backend.server, &services[1]);
  mesh_server_start(own->backend.server);

  own->client.command = &test_command;
  own->client.loop = test->loop;
  own->client.json = !own->text;
  mesh_scope_open(&own->client.scope, &test->scope);
  assert_int_equal(
      mesh_link_open_local(test->loop, "backend", own->backend.server, &own->client.backend, NULL),
      GRPC_STATUS_OK);
  follow_it(own);
  mesh_scope_join(&own->client.scope);
  mesh_scope_close(&own->client.scope);
  mesh_link_close(own->client.backend);
  mesh_schema_destroy(own->client.schema);
  mesh_server_stop(own->backend.server, mesh_now_ns() + 1000 * MS_NS);
  mesh_server_destroy(own->backend.server);
  mesh_schema_destroy(own->backend.schema);
}

// Runs the scene with standard output in a file, and reads that.
static void run(scene *own) {
  FILE *file = tmpfile();
  assert_non_null(file);
  fflush(stdout);
  int saved = dup(STDOUT_FILENO);
  int saved_error = dup(STDERR_FILENO);
  dup2(fileno(file), STDOUT_FILENO);
  if (own->text) dup2(fileno(file), STDERR_FILENO);
  run_in_fiber(run_scene, own);
  fflush(stdout);
  dup2(saved, STDOUT_FILENO);
  dup2(saved_error, STDERR_FILENO);
  close(saved);
  close(saved_error);
  rewind(file);
  size_t size = fread(own->printed, 1, sizeof own->printed - 1, file);
  own->printed[size] = '\0';
  fclose(file);
}

static int count(const char *text, const char *part) {
  int found = 0;
  for (; (text = strstr(text, part)) != NULL; text++)
    found++;
  return found;
}

// ---- tests ----

static void prints_each_event_to_the_outcome(void **state) {
  (void)state;
  scene own = {0};
  run(&own);
  assert_int_equal(own.conclusion, GRPC_STATUS_OK);
  assert_int_equal(count(own.printed, "\n"), 6);
  assert_int_equal(count(own.printed, "\"accepted\":"), 1);
  assert_int_equal(count(own.printed, "\"outcome\":"), 1);
  assert_int_equal(own.backend.watched, 0);
}

static void reattaches_without_repeating(void **state) {
  (void)state;
  scene own = {.backend.break_after = 2};
  run(&own);
  assert_int_equal(own.conclusion, GRPC_STATUS_OK);
  assert_int_equal(own.backend.watched, 2);  // the first found nobody
  assert_int_equal(own.backend.after_sequence, 2);
  assert_int_equal(count(own.printed, "\"eventClass\":\"DURABLE\""), 4);
  for (char number = '1'; number <= '4'; number++) {
    char durable[64];
    snprintf(durable, sizeof durable, "\"sequence\":%c,\"eventClass\":\"DURABLE\"", number);
    assert_int_equal(count(own.printed, durable), 1);
  }
}

static void a_refused_start_is_repeated(void **state) {
  (void)state;
  scene own = {.backend.refuse = 2};
  run(&own);
  assert_int_equal(own.conclusion, GRPC_STATUS_OK);
  assert_int_equal(own.backend.loaded, 3);
  assert_int_equal(count(own.printed, "\"accepted\":"), 1);
}

// No terminal, and somebody looks into the file now and then.
static void a_file_is_told_how_far_it_is(void **state) {
  (void)state;
  scene own = {
      .backend.waits_for_cancel = true, .press_ctrl_c = true, .text = true, .follow.still_ms = 1};
  run(&own);
  assert_true(count(own.printed, "SPX 1d  50%  1/2 segments\n") >= 3);
  assert_int_equal(count(own.printed, "\033"), 0);
}

static void a_silent_stream_is_dead(void **state) {
  (void)state;
  scene own = {.backend.watched = 1};
  own.backend.silent_client = &own.client;
  run(&own);
  assert_int_equal(own.conclusion, GRPC_STATUS_OK);
  assert_int_equal(own.backend.after_sequence, 1);
  assert_int_equal(count(own.printed, "\"accepted\":"), 1);
  assert_int_equal(count(own.printed, "\"outcome\":"), 1);
}

static void a_drain_is_no_error(void **state) {
  (void)state;
  scene own = {.backend.leaves = true};
  run(&own);
  assert_int_equal(own.conclusion, GRPC_STATUS_OK);
  assert_int_equal(own.backend.after_sequence, 2);
  assert_int_equal(count(own.printed, "heartbeat"), 0);
  assert_int_equal(count(own.printed, "\"drain\":"), 1);
  assert_int_equal(count(own.printed, "\"eventClass\":\"DURABLE\""), 4);
}

static void leaves_as_soon_as_it_is_accepted(void **state) {
  (void)state;
  scene own = {.follow.until_accepted = true, .backend.waits_for_cancel = true};
  run(&own);
  assert_int_equal(own.code, GRPC_STATUS_OK);
  assert_int_equal(count(own.printed, "\n"), 1);
  assert_int_equal(own.backend.cancelled_ns, 0);
}

static void an_outcome_that_failed_gives_its_code(void **state) {
  (void)state;
  scene own = {.backend.failure = GRPC_STATUS_RESOURCE_EXHAUSTED};
  run(&own);
  assert_int_equal(own.code, GRPC_STATUS_OK);
  assert_int_equal(own.conclusion, GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_string_equal(own.err.message, "SPX 1d: the disk is full");
  assert_int_equal(own.client.exit_code, EXIT_CODE_FAILED);
}

static void ctrl_c_asks_for_the_end_and_waits_for_it(void **state) {
  (void)state;
  scene own = {.press_ctrl_c = true, .follow.starts = true, .backend.waits_for_cancel = true};
  run(&own);
  assert_int_equal(own.conclusion, GRPC_STATUS_CANCELLED);
  assert_string_equal(own.backend.requested_by, "millrace CLI (Ctrl-C)");
  assert_int_equal(count(own.printed, "\"cancelled\":"), 1);
  assert_true(own.backend.cancelled_ns >= own.pressed_ns);
}

static void check_left(scene own) {
  own.press_ctrl_c = own.backend.waits_for_cancel = true;
  run(&own);
  assert_int_equal(own.code, GRPC_STATUS_CANCELLED);
  assert_int_equal(own.backend.cancelled_ns, 0);
}

static void ctrl_c_leaves_a_detached_one_alone(void **state) {
  (void)state;
  check_left((scene){.follow.starts = true, .backend.detached = true});
}

// Without the events from which it could know: `ops watch NAME --after 2`.
static void ctrl_c_only_leaves_what_others_started(void **state) {
  (void)state;
  check_left((scene){.follow.starts = false});
  check_left((scene){.follow.starts = true, .backend.joined = "the same work"});
  check_left(
      (scene){.follow = {.starts = true, .shared_id = true}, .backend.joined = "the request id"});
}

static void ctrl_c_only_leaves_what_others_hold(void **state) {
  (void)state;
  check_left((scene){.follow.starts = true, .backend.held = true});
}

// A start that was repeated because its first connection broke.
static void ctrl_c_cancels_what_its_own_start_joined(void **state) {
  (void)state;
  scene own = {.press_ctrl_c = true,
               .follow.starts = true,
               .backend = {.waits_for_cancel = true, .joined = "the request id"}};
  run(&own);
  assert_int_equal(own.conclusion, GRPC_STATUS_CANCELLED);
  assert_int_not_equal(own.backend.cancelled_ns, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prints_each_event_to_the_outcome),
      cmocka_unit_test(reattaches_without_repeating),
      cmocka_unit_test(a_refused_start_is_repeated),
      cmocka_unit_test(a_file_is_told_how_far_it_is),
      cmocka_unit_test(a_silent_stream_is_dead),
      cmocka_unit_test(a_drain_is_no_error),
      cmocka_unit_test(leaves_as_soon_as_it_is_accepted),
      cmocka_unit_test(an_outcome_that_failed_gives_its_code),
      cmocka_unit_test(ctrl_c_asks_for_the_end_and_waits_for_it),
      cmocka_unit_test(ctrl_c_leaves_a_detached_one_alone),
      cmocka_unit_test(ctrl_c_only_leaves_what_others_started),
      cmocka_unit_test(ctrl_c_only_leaves_what_others_hold),
      cmocka_unit_test(ctrl_c_cancels_what_its_own_start_joined),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
