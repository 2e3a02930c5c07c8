// The backend with the counter's layers beside its own. MILLRACE_TEST_COUNTER_HOST is the address
// of the counter host.
#include <stdlib.h>

#include "backend/backend.h"
#include "protos/descriptors.h"
#include "tests/fakes/counter_layers.h"

static mesh_code set_up(void *self, backend *own, mesh_error *err) {
  counter_layers *layers = self;
  const char *address = getenv("MILLRACE_TEST_COUNTER_HOST");
  if (address == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "MILLRACE_TEST_COUNTER_HOST is not set");
  }
  counter_layers_init(layers, own->operations);
  mesh_server_add(own->server, &layers->service);
  mesh_server_add(own->server, &layers->manager);
  mesh_server_add(own->server, &layers->adapter);
  own->kinds[own->kind_count++] = counter_layers_kind(layers);
  return mesh_link_open(own->loop, "counter-host", address, &layers->host, err);
}

static mesh_code join(void *self, backend *own, mesh_error *err) {
  counter_layers *layers = self;
  mesh_code code =
      mesh_link_open_local(own->loop, "counter-manager", own->server, &layers->to_manager, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_link_open_local(own->loop, "counter-adapter", own->server, &layers->to_adapter, err);
}

static void tear_down(void *self) {
  counter_layers *layers = self;
  mesh_link_close(layers->to_manager);
  mesh_link_close(layers->to_adapter);
  mesh_link_close(layers->host);
}

int main(int argc, char **argv) {
  static counter_layers layers;
  backend_extension extension = {
      .descriptors = {millrace_descriptors, millrace_descriptors_size},
      .set_up = set_up,
      .join = join,
      .tear_down = tear_down,
      .self = &layers,
  };
  return backend_main(argc, argv, &extension);
}
