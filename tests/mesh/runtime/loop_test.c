// The end of a loop.
#include "mesh/runtime/loop.h"

#include <stdlib.h>

#include "tests/unit.h"

// A batch that gRPC has been given, in storage of its own, as a call that was closed is.
typedef struct batch {
  mesh_op op;
  grpc_channel *channel;
  grpc_call *call;
  int *done;
} batch;

static void on_done(mesh_op *op, bool ok) {
  (void)ok;
  batch *own = MESH_CONTAINER_OF(op, batch, op);
  ++*own->done;
  grpc_call_unref(own->call);
  grpc_channel_destroy(own->channel);
  free(own);
}

static void start_batch(mesh_loop *loop, int *done) {
  batch *own = calloc(1, sizeof *own);
  assert_non_null(own);
  own->op = (mesh_op){.on_done = on_done, .name = "batch"};
  own->done = done;
  own->channel = grpc_lame_client_channel_create("nowhere", GRPC_STATUS_UNAVAILABLE, "nowhere");
  own->call = grpc_channel_create_call(own->channel, NULL, 0, mesh_loop_queue(loop),
                                       grpc_slice_from_static_string("/a/B"), NULL,
                                       gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
  mesh_op_start(loop, &own->op);
  assert_int_equal(grpc_call_start_batch(own->call, NULL, 0, &own->op, NULL), GRPC_CALL_OK);
}

// The loop is told to stop before they complete, and does not come round to them.
static void what_grpc_holds_at_the_end_is_called(void **state) {
  (void)state;
  enum { BATCHES = 20 };
  int done = 0;
  mesh_loop *loop = mesh_loop_create();
  mesh_loop_stop(loop);
  for (int i = 0; i < BATCHES; i++)
    start_batch(loop, &done);
  mesh_loop_run(loop);
  assert_in_range(done, 0, BATCHES - 1);
  mesh_loop_destroy(loop);
  assert_int_equal(done, BATCHES);
}

static void a_loop_without_anything_ends(void **state) {
  (void)state;
  mesh_loop_destroy(mesh_loop_create());
  mesh_loop_destroy(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_grpc_holds_at_the_end_is_called),
      cmocka_unit_test(a_loop_without_anything_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
