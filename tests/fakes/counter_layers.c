#include "tests/fakes/counter_layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/relay.h"
#include "mesh/operation/remote.h"
#include "millrace/test/v1/counter.pb-c.h"

// ---- service and adapter: relays ----

static mesh_code serve_count(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_events(call, ((counter_layers *)self)->to_manager,
                           "/millrace.test.v1.CounterManager/Count", request, err);
}

static mesh_code adapt_run(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_events(call, ((counter_layers *)self)->host,
                           "/millrace.test.v1.CounterHost/Run", request, err);
}

static mesh_code adapt_cancel(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_events(call, ((counter_layers *)self)->host,
                           "/millrace.test.v1.CounterHost/Cancel", request, err);
}

// ---- the manager: delegates ----

typedef struct count_work {
  counter_layers *layers;
  Millrace__Test__V1__CountRequest *request;  // owned
  uint8_t *bytes;                             // owned: the request as it came
  char title[64];
  mesh_remote remote;
} count_work;

static mesh_code run_count(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                           Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  count_work *own = arg;
  own->remote.link = own->layers->to_adapter;
  return mesh_remote_run(&own->remote, operation, succeeded, cancelled, err);
}

static void free_count(void *arg) {
  count_work *own = arg;
  mesh_remote_clear(&own->remote);
  millrace__test__v1__count_request__free_unpacked(own->request, NULL);
  free(own->bytes);
  free(own);
}

static mesh_code prepare_count(void *self, mesh_view request, mesh_start *start, mesh_work *work,
                               mesh_error *err) {
  count_work *own = calloc(1, sizeof *own);
  uint8_t *bytes = malloc(request.size_bytes + 1);
  if (own == NULL || bytes == NULL) abort();
  if (request.size_bytes > 0) memcpy(bytes, request.data, request.size_bytes);
  own->layers = self;
  own->bytes = bytes;
  own->request = millrace__test__v1__count_request__unpack(NULL, request.size_bytes, bytes);
  if (own->request == NULL) {
    free_count(own);
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no CountRequest");
  }
  snprintf(own->title, sizeof own->title, "count to %lld", (long long)own->request->to);
  own->remote = (mesh_remote){.run_method = "/millrace.test.v1.CounterAdapter/Run",
                              .cancel_method = "/millrace.test.v1.CounterAdapter/Cancel",
                              .request = {bytes, request.size_bytes},
                              .backoff = {.base_ms = 20, .cap_ms = 500}};
  *start = (mesh_start){.kind = "count",
                        .title = own->title,
                        .work_key = own->request->work_key,
                        .request = own->remote.request,
                        .request_type = &millrace__test__v1__count_request__descriptor,
                        .options = own->request->start};
  *work = (mesh_work){run_count, free_count, own};
  return GRPC_STATUS_OK;
}

static mesh_code manage_count(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  counter_layers *layers = self;
  mesh_start start;
  mesh_work work;
  mesh_view view = {request.data, request.size_bytes};
  mesh_code code = prepare_count(layers, view, &start, &work, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_operation_serve(layers->operations, &start, &work, call, err);
}

mesh_kind counter_layers_kind(counter_layers *layers) {
  return (mesh_kind){"count", prepare_count, layers};
}

void counter_layers_init(counter_layers *layers, mesh_operations *operations) {
  static const mesh_method service[] = {{.name = "Count", .run = serve_count}};
  static const mesh_method manager[] = {{.name = "Count", .run = manage_count}};
  static const mesh_method adapter[] = {{.name = "Run", .run = adapt_run},
                                        {.name = "Cancel", .run = adapt_cancel}};
  *layers = (counter_layers){
      .service = {"millrace.test.v1.CounterService", service, 1, layers},
      .manager = {"millrace.test.v1.CounterManager", manager, 1, layers},
      .adapter = {"millrace.test.v1.CounterAdapter", adapter, 2, layers},
      .operations = operations,
  };
}
