#include "mesh/rpc/channel_args.h"

#include <assert.h>
#include <grpc/compression.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <limits.h>

#include "mesh/runtime/time.h"

enum {
  WINDOW_BYTES = 64 * 1024,
  RECONNECT_FIRST_MS = 50,
  RECONNECT_CAP_MS = 2000,
  CONNECT_TIMEOUT_MS = 5000,  // of one attempt: a peer that accepts and says nothing is no peer
  PING_MS = 20000,
  PING_TIMEOUT_MS = 10000,
  MESSAGE_BYTES = 4 << 20,
  ARGS_MAX = 20,
};

// Settings as they are collected.
typedef struct arg_list {
  grpc_arg args[ARGS_MAX];
  size_t count;
} arg_list;

static void add(arg_list *list, const char *name, int64_t number) {
  assert(list->count < ARGS_MAX);
  list->args[list->count++] = (grpc_arg){.type = GRPC_ARG_INTEGER,
                                         .key = (char *)name,
                                         .value.integer = number > INT_MAX ? INT_MAX : (int)number};
}

static void add_quota(arg_list *list, grpc_resource_quota *quota) {
  assert(list->count < ARGS_MAX);
  list->args[list->count++] =
      (grpc_arg){.type = GRPC_ARG_POINTER,
                 .key = (char *)GRPC_ARG_RESOURCE_QUOTA,
                 .value.pointer = {.p = quota, .vtable = grpc_resource_quota_arg_vtable()}};
}

static grpc_channel_args args_of(arg_list *list) {
  return (grpc_channel_args){list->count, list->args};
}

static void add_common(arg_list *list, int64_t message_bytes, int64_t header_bytes) {
  add(list, GRPC_ARG_HTTP2_BDP_PROBE, 0);  // else the window grows to megabytes
  add(list, GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, WINDOW_BYTES);
  add(list, GRPC_ARG_KEEPALIVE_TIME_MS, PING_MS);
  add(list, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, PING_TIMEOUT_MS);
  add(list, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  add(list, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, message_bytes);
  add(list, GRPC_ARG_MAX_METADATA_SIZE, header_bytes);
  // gRPC decompresses a message before it looks at its size: we take none that is compressed.
  add(list, GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE);
  add(list, GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  add(list, GRPC_ARG_ENABLE_CHANNELZ, 0);  // nobody asks, and it remembers
}

static void add_client(arg_list *list) {
  add_common(list, MESSAGE_BYTES, MESH_LINK_HEADER_BYTES);
  add(list, GRPC_ARG_ENABLE_RETRIES, 0);  // retries are the manager's, where history shows them
  add(list, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_FIRST_MS);
  add(list, GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_TIMEOUT_MS);
  add(list, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_CAP_MS);
  add(list, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

grpc_channel *mesh_grpc_channel_create(const char *address, grpc_resource_quota *quota,
                                       bool apart) {
  arg_list list = {.count = 0};
  add_client(&list);
  if (apart) add(&list, GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  add_quota(&list, quota);
  grpc_channel_args args = args_of(&list);
  grpc_channel_credentials *plain = grpc_insecure_credentials_create();
  grpc_channel *channel = grpc_channel_create(address, plain, &args);
  grpc_channel_credentials_release(plain);
  return channel;
}

grpc_channel *mesh_grpc_channel_from_fd(const char *name, int fd) {
  arg_list list = {.count = 0};
  add_client(&list);
  grpc_channel_args args = args_of(&list);
  grpc_channel_credentials *plain = grpc_insecure_credentials_create();
  grpc_channel *channel = grpc_channel_create_from_fd(name, fd, plain, &args);
  grpc_channel_credentials_release(plain);
  return channel;
}

static void add_limits(arg_list *list, grpc_resource_quota *quota, const mesh_limits *limits) {
  add_common(list, limits->message_kib << 10, limits->header_kib << 10);
  add_quota(list, quota);
  add(list, GRPC_ARG_MAX_CONCURRENT_STREAMS, limits->streams);
  if (limits->idle_s > 0) add(list, GRPC_ARG_MAX_CONNECTION_IDLE_MS, mesh_s_ms(limits->idle_s));
  if (limits->age_s > 0) add(list, GRPC_ARG_MAX_CONNECTION_AGE_MS, mesh_s_ms(limits->age_s));
}

grpc_server *mesh_grpc_server_create(grpc_resource_quota *quota, const mesh_limits *limits) {
  arg_list list = {.count = 0};
  if (quota != NULL) {
    add_limits(&list, quota, limits);
  } else {
    add_common(&list, MESSAGE_BYTES, MESH_LINK_HEADER_BYTES);
  }
  add(&list, GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, PING_MS / 2);
  grpc_channel_args args = args_of(&list);
  return grpc_server_create(&args, NULL);
}
