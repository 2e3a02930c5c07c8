#include "mesh/rpc/health.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

enum { SERVICES_MAX = 64, NAME_MAX_BYTES = 128 };

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

typedef struct service_state {
  char name[NAME_MAX_BYTES];
  bool serving;
} service_state;

struct mesh_health {
  mesh_loop *loop;
  mesh_service service;
  service_state states[SERVICES_MAX];
  size_t count;
  bool stopped;
  mesh_signal changed;
};

static service_state *find(mesh_health *health, const char *service) {
  for (size_t i = 0; i < health->count; i++) {
    if (strcmp(health->states[i].name, service) == 0) return &health->states[i];
  }
  return NULL;
}

void mesh_health_set(mesh_health *health, const char *service, bool serving) {
  service_state *state = find(health, service);
  if (state == NULL) {
    assert(health->count < SERVICES_MAX && strlen(service) < NAME_MAX_BYTES);
    state = &health->states[health->count++];
    mesh_text_copy(state->name, sizeof state->name, service);
  }
  state->serving = serving && !health->stopped;
  mesh_signal_notify(&health->changed);
}

void mesh_health_stop(mesh_health *health) {
  health->stopped = true;
  for (size_t i = 0; i < health->count; i++)
    health->states[i].serving = false;
  mesh_signal_notify(&health->changed);
}

static serving_status status_of(mesh_health *health, const char *service) {
  const service_state *state = find(health, service);
  if (state == NULL) return SERVICE_UNKNOWN;
  return state->serving ? SERVING : NOT_SERVING;
}

static mesh_code send_status(mesh_call *call, serving_status status, mesh_error *err) {
  Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
  response.status = status;
  return mesh_message_send(call, &response.base, err);
}

// Copies the service's name out of a HealthCheckRequest.
static mesh_code take_name(mesh_frame request, char name[NAME_MAX_BYTES], mesh_error *err) {
  Grpc__Health__V1__HealthCheckRequest *message = mesh_message_unpack(
      &grpc__health__v1__health_check_request__descriptor, request.data, request.size_bytes);
  if (message == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no HealthCheckRequest");
  }
  mesh_text_copy(name, NAME_MAX_BYTES, message->service);
  grpc__health__v1__health_check_request__free_unpacked(message, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code check(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  char name[NAME_MAX_BYTES];
  mesh_code code = take_name(request, name, err);
  if (code != GRPC_STATUS_OK) return code;
  if (find(self, name) == NULL) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no service '%s' on this server", name);
  }
  return send_status(call, status_of(self, name), err);
}

static mesh_code watch(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  mesh_health *health = self;
  char name[NAME_MAX_BYTES];
  mesh_code code = take_name(request, name, err);
  if (code != GRPC_STATUS_OK) return code;
  for (serving_status last, now = status_of(health, name);; now = status_of(health, name)) {
    code = send_status(call, now, err);
    if (code != GRPC_STATUS_OK) return code;
    for (last = now; status_of(health, name) == last;) {
      if (health->stopped) return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the server stops");
      code = mesh_signal_wait(&health->changed, mesh_call_scope(call), MESH_NEVER, err);
      if (code != GRPC_STATUS_OK) return code;
    }
  }
}

static mesh_code list(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  mesh_health *health = self;
  Grpc__Health__V1__HealthCheckResponse values[SERVICES_MAX];
  Grpc__Health__V1__HealthListResponse__StatusesEntry entries[SERVICES_MAX];
  Grpc__Health__V1__HealthListResponse__StatusesEntry *pointers[SERVICES_MAX];
  for (size_t i = 0; i < health->count; i++) {
    grpc__health__v1__health_check_response__init(&values[i]);
    grpc__health__v1__health_list_response__statuses_entry__init(&entries[i]);
    values[i].status = health->states[i].serving ? SERVING : NOT_SERVING;
    entries[i].key = health->states[i].name;
    entries[i].value = &values[i];
    pointers[i] = &entries[i];
  }
  Grpc__Health__V1__HealthListResponse response = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
  response.n_statuses = health->count;
  response.statuses = pointers;
  return mesh_message_send(call, &response.base, err);
}

mesh_health *mesh_health_create(mesh_loop *loop) {
  static const mesh_method methods[] = {{.name = "Check", .run = check},
                                        {.name = "Watch", .run = watch},
                                        {.name = "List", .run = list}};
  mesh_health *health = calloc(1, sizeof *health);
  if (health == NULL) abort();
  health->loop = loop;
  health->service = (mesh_service){"grpc.health.v1.Health", methods, 3, health};
  return health;
}

void mesh_health_destroy(mesh_health *health) {
  free(health);
}

const mesh_service *mesh_health_service(mesh_health *health) {
  return &health->service;
}
