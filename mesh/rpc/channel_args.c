#include "mesh/rpc/channel_args.h"

#define NUMBER(name, number) \
  { .type = GRPC_ARG_INTEGER, .key = (char *)(name), .value.integer = (number) }

enum {
  WINDOW_BYTES = 64 * 1024,
  RECONNECT_FIRST_MS = 50,
  RECONNECT_CAP_MS = 2000,
  CONNECT_TIMEOUT_MS = 5000,  // of one attempt: a peer that accepts and says nothing is no peer
  PING_MS = 20000,
  PING_TIMEOUT_MS = 10000,
};

// The last one is for the channels that stand apart.
static grpc_arg *client_args(size_t *count) {
  static grpc_arg args[] = {
      NUMBER(GRPC_ARG_HTTP2_BDP_PROBE, 0),  // else the window grows to megabytes
      NUMBER(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, WINDOW_BYTES),
      NUMBER(GRPC_ARG_ENABLE_RETRIES, 0),  // retries are the manager's, where history shows them
      NUMBER(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_FIRST_MS),
      NUMBER(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_TIMEOUT_MS),
      NUMBER(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_CAP_MS),
      NUMBER(GRPC_ARG_KEEPALIVE_TIME_MS, PING_MS),
      NUMBER(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, PING_TIMEOUT_MS),
      NUMBER(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
      NUMBER(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
      NUMBER(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
  };
  *count = sizeof args / sizeof *args;
  return args;
}

const grpc_channel_args *mesh_client_channel_args(void) {
  static grpc_channel_args all;
  all.args = client_args(&all.num_args);
  all.num_args--;
  return &all;
}

const grpc_channel_args *mesh_client_channel_args_apart(void) {
  static grpc_channel_args all;
  all.args = client_args(&all.num_args);
  return &all;
}

const grpc_channel_args *mesh_server_channel_args(void) {
  static grpc_arg args[] = {
      NUMBER(GRPC_ARG_HTTP2_BDP_PROBE, 0),
      NUMBER(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, WINDOW_BYTES),
      NUMBER(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, PING_MS / 2),
      NUMBER(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
      NUMBER(GRPC_ARG_KEEPALIVE_TIME_MS, PING_MS),
      NUMBER(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, PING_TIMEOUT_MS),
      NUMBER(GRPC_ARG_ALLOW_REUSEPORT, 0),  // else two servers share a port in silence
  };
  static const grpc_channel_args all = {sizeof args / sizeof *args, args};
  return &all;
}
