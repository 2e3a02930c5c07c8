// One hop of gRPC's C core, as its documentation has it: one completion queue, one message an
// event, each sent when the one before has been taken.
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <string.h>

#include "tests/bench/child.h"
#include "tests/bench/measure.h"
#include "tests/bench/relay.h"

enum { MESSAGE_BYTES = 100 };

typedef struct end {
  grpc_completion_queue *queue;
  grpc_call *call;
} end;

// Waits for what was started last; false if it failed.
static bool await(end *self) {
  grpc_event event =
      grpc_completion_queue_next(self->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
  return event.type == GRPC_OP_COMPLETE && event.success;
}

static bool run(end *self, const grpc_op *ops, size_t count) {
  grpc_call_error error = grpc_call_start_batch(self->call, ops, count, self, NULL);
  if (error != GRPC_CALL_OK)
    bench_die("grpc_call_start_batch: %s", grpc_call_error_to_string(error));
  return await(self);
}

static bool send_bytes(end *self, const void *data, size_t size_bytes) {
  grpc_slice slice = grpc_slice_from_copied_buffer(data, size_bytes);
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_op op = {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = buffer};
  bool ok = run(self, &op, 1);
  grpc_byte_buffer_destroy(buffer);
  grpc_slice_unref(slice);
  return ok;
}

// Receives one message and copies its first `size_bytes`; false after the last one.
static bool receive_bytes(end *self, void *data, size_t size_bytes) {
  grpc_byte_buffer *buffer = NULL;
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &buffer};
  if (!run(self, &op, 1) || buffer == NULL) return false;
  grpc_byte_buffer_reader reader;
  if (!grpc_byte_buffer_reader_init(&reader, buffer)) bench_die("an unreadable message");
  grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
  if (GRPC_SLICE_LENGTH(slice) < size_bytes) bench_die("a message that is too short");
  memcpy(data, GRPC_SLICE_START_PTR(slice), size_bytes);
  grpc_slice_unref(slice);
  grpc_byte_buffer_reader_destroy(&reader);
  grpc_byte_buffer_destroy(buffer);
  return true;
}

// ---- The host ----

static void answer(end *self) {
  grpc_op headers = {.op = GRPC_OP_SEND_INITIAL_METADATA};
  relay_plan plan;
  if (!run(self, &headers, 1) || !receive_bytes(self, &plan, sizeof plan)) return;
  for (int64_t i = 0; i < plan.events; i++) {
    if (plan.gap_ns > 0) relay_pace(bench_now_ns() + plan.gap_ns);
    uint8_t message[MESSAGE_BYTES] = {0};
    int64_t now = bench_now_ns();
    memcpy(message, &now, sizeof now);
    if (!send_bytes(self, message, sizeof message)) return;
  }
  int cancelled = 0;
  grpc_op last[] = {
      {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
       .data.send_status_from_server.status = GRPC_STATUS_OK},
      {.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &cancelled},
  };
  run(self, last, 2);
}

static void serve(void *address) {
  grpc_init();
  grpc_server *server = grpc_server_create(NULL, NULL);
  end self = {.queue = grpc_completion_queue_create_for_next(NULL)};
  grpc_server_register_completion_queue(server, self.queue, NULL);
  grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
  if (grpc_server_add_http2_port(server, address, credentials) == 0) {
    bench_die("cannot listen on %s", (const char *)address);
  }
  grpc_server_start(server);
  for (;;) {
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_call_details_init(&details);
    grpc_metadata_array_init(&metadata);
    grpc_server_request_call(server, &self.call, &details, &metadata, self.queue, self.queue,
                             &self);
    if (!await(&self)) break;
    answer(&self);
    grpc_call_unref(self.call);
    grpc_metadata_array_destroy(&metadata);
    grpc_call_details_destroy(&details);
  }
}

// ---- The client ----

static void open_call(end *self, const char *address) {
  grpc_init();
  grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
  grpc_channel *channel = grpc_channel_create(address, credentials, NULL);
  self->queue = grpc_completion_queue_create_for_next(NULL);
  self->call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, self->queue,
                                        grpc_slice_from_static_string("/b/Watch"), NULL,
                                        gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
}

static void read_all(void *arg) {
  relay_result *result = arg;
  end self;
  open_call(&self, result->address);
  grpc_metadata_array headers;
  grpc_metadata_array_init(&headers);
  grpc_op first[] = {
      {.op = GRPC_OP_SEND_INITIAL_METADATA},
      {.op = GRPC_OP_RECV_INITIAL_METADATA,
       .data.recv_initial_metadata.recv_initial_metadata = &headers},
  };
  grpc_op no_more = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
  if (!run(&self, first, 2) || !send_bytes(&self, &result->plan, sizeof result->plan) ||
      !run(&self, &no_more, 1)) {
    bench_die("the plain call does not start");
  }
  int64_t sent_ns;
  while (receive_bytes(&self, &sent_ns, sizeof sent_ns)) {
    result->messages++;
    relay_arrived(result, sent_ns);
  }
}

const relay_chain relay_core = {"plain gRPC C core, one hop", serve, NULL, read_all};
