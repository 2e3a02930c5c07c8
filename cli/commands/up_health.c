#include "cli/commands/up_health.h"

#include <stdio.h>

#include "grpc/health/v1/health.pb-c.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/message.h"
#include "millrace/v1/ib_host.pb-c.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING

static bool says_serving(mesh_frame frame) {
  Grpc__Health__V1__HealthCheckResponse *response = mesh_message_unpack(
      &grpc__health__v1__health_check_response__descriptor, frame.data, frame.size_bytes);
  if (response == NULL) return false;
  bool serving = response->status == SERVING;
  grpc__health__v1__health_check_response__free_unpacked(response, NULL);
  return serving;
}

mesh_code up_await_serving(mesh_scope *scope, const char *name, const char *address,
                           mesh_error *err) {
  mesh_link *link;
  mesh_code code = mesh_link_open(scope->loop, name, address, &link, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_call *call;
  mesh_call_options options = {.wait_for_ready = true};
  code = mesh_call_open(scope, link, "/grpc.health.v1.Health/Watch", (mesh_frame){0}, &options,
                        &call, err);
  bool serving = false;
  while (code == GRPC_STATUS_OK && !serving) {
    mesh_frame frame;
    code = mesh_call_receive(call, &frame, err);
    if (code == GRPC_STATUS_OK && frame.end) {
      code = mesh_link_fail(link, GRPC_STATUS_UNAVAILABLE, "it stopped", err);
    }
    serving = code == GRPC_STATUS_OK && says_serving(frame);
  }
  mesh_call_close(call);
  mesh_link_close(link);
  return code;
}

// Reads a HostStatus; true if its gateway is connected.
static bool read_gateway(mesh_frame frame, char text[UP_GATEWAY_TEXT_MAX]) {
  Millrace__V1__HostStatus *status =
      mesh_message_unpack(&millrace__v1__host_status__descriptor, frame.data, frame.size_bytes);
  if (status == NULL) return false;
  bool ready = status->gateway == MILLRACE__V1__HOST_STATUS__GATEWAY__READY;
  snprintf(text, UP_GATEWAY_TEXT_MAX, "%.100s%s%.300s", status->address, ready ? "" : ": ",
           ready ? "" : status->detail);
  millrace__v1__host_status__free_unpacked(status, NULL);
  return ready;
}

bool up_await_gateway(mesh_scope *scope, const char *address, int64_t limit_ms,
                      char text[UP_GATEWAY_TEXT_MAX]) {
  mesh_link *link;
  mesh_call *call;
  mesh_error err;
  snprintf(text, UP_GATEWAY_TEXT_MAX, "no answer");
  if (mesh_link_open(scope->loop, "backend", address, &link, &err) != GRPC_STATUS_OK) return false;

  Millrace__V1__HostStatusRequest request = MILLRACE__V1__HOST_STATUS_REQUEST__INIT;
  request.follow = true;
  mesh_frame frame;
  mesh_call_options options = {.timeout_ms = limit_ms};
  mesh_code code = mesh_message_open(scope, link, "/millrace.v1.DataAdapter/Status", &request.base,
                                     &options, &call, &err);
  bool ready = false;
  while (code == GRPC_STATUS_OK && !ready) {
    code = mesh_call_receive(call, &frame, &err);
    if (code != GRPC_STATUS_OK || frame.end) break;
    ready = read_gateway(frame, text);
  }
  mesh_call_close(call);
  mesh_link_close(link);
  return ready;
}
