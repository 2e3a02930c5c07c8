#include "backend/hosts/service.h"

#include <stdio.h>
#include <string.h>

#include "mesh/operation/orchestrate.h"
#include "mesh/operation/relay.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/hosts.pb-c.h"

enum { ASK_MS = 2000, NOTE_MAX_BYTES = 1024, PARALLEL = 8 };

// ---- List: every host is asked at the same time ----

typedef struct listing {
  hosts_service *self;
  mesh_call *call;
  bool sending;
  mesh_signal sent;
} listing;

// Asks one host about itself; *host is the caller's to free.
static mesh_code ask_host(mesh_scope *scope, mesh_link *link, Millrace__V1__Host **host,
                          mesh_error *err) {
  mesh_call *call;
  mesh_call_options options = {.timeout_ms = ASK_MS};
  mesh_frame frame = {(const uint8_t *)"", 0, false};
  *host = NULL;
  mesh_code code =
      mesh_call_open(scope, link, "/millrace.v1.HostControl/Get", frame, &options, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  code = mesh_call_receive(call, &frame, err);
  if (code == GRPC_STATUS_OK && !frame.end) {
    *host = mesh_message_unpack(&millrace__v1__host__descriptor, frame.data, frame.size_bytes);
  }
  mesh_call_close(call);
  if (code != GRPC_STATUS_OK || *host != NULL) return code;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the host's answer is no millrace.v1.Host");
}

// One send at a time on the call.
static mesh_code send_host(listing *own, const Millrace__V1__Host *host, mesh_error *err) {
  mesh_scope *scope = mesh_call_scope(own->call);
  while (own->sending) {
    mesh_code code = mesh_signal_wait(&own->sent, scope, MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  own->sending = true;
  mesh_code code = mesh_message_send(own->call, &host->base, err);
  own->sending = false;
  mesh_signal_notify(&own->sent);
  return code;
}

static mesh_code list_one(mesh_scope *scope, size_t index, void *arg, mesh_error *err) {
  listing *own = arg;
  const hosts_entry *entry = &own->self->hosts[index];
  Millrace__V1__Host silent = MILLRACE__V1__HOST__INIT, *answer;
  mesh_error why;
  mesh_code code = ask_host(scope, entry->link, &answer, &why);
  Millrace__V1__Host shown = code == GRPC_STATUS_OK ? *answer : silent;
  char note[NOTE_MAX_BYTES];
  if (code != GRPC_STATUS_OK) shown.state = MILLRACE__V1__HOST__STATE__UNREACHABLE;
  mesh_text_copy(note, sizeof note, code == GRPC_STATUS_OK ? shown.note : why.message);
  shown.note = note;
  shown.name = (char *)entry->name;
  shown.address = (char *)mesh_link_address(entry->link);
  code = send_host(own, &shown, err);
  if (answer != NULL) millrace__v1__host__free_unpacked(answer, NULL);
  return code;
}

static mesh_code list(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  listing own = {.self = self, .call = call};
  return mesh_orchestrate(mesh_call_scope(call), own.self->count, PARALLEL, list_one, &own, err);
}

// ---- Drain ----

static mesh_code unknown_host(const hosts_service *self, const char *name, mesh_error *err) {
  char names[256] = "";
  for (size_t i = 0; i < self->count; i++)
    mesh_text_append(names, sizeof names, "%s%s", i == 0 ? "" : ", ", self->hosts[i].name);
  return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no host '%s': there is %s", name, names);
}

static mesh_code drain(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  hosts_service *self = arg;
  Millrace__V1__DrainRequest *request =
      mesh_message_take(&millrace__v1__drain_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_link *link = NULL;
  for (size_t i = 0; i < self->count; i++) {
    if (strcmp(self->hosts[i].name, request->name) == 0) link = self->hosts[i].link;
  }
  mesh_code code = link == NULL ? unknown_host(self, request->name, err) : GRPC_STATUS_OK;
  millrace__v1__drain_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, link, "/millrace.v1.HostControl/Drain", frame, err);
}

void hosts_service_init(hosts_service *self, const hosts_entry *hosts, size_t count) {
  static const mesh_method methods[] = {{.name = "List", .run = list},
                                        {.name = "Drain", .run = drain}};
  *self = (hosts_service){
      .service = {"millrace.v1.HostsService", methods, sizeof methods / sizeof *methods, self},
      .hosts = hosts,
      .count = count};
}
