#include "cli/commands/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "grpc/health/v1/health.pb-c.h"
#include "market/series_key.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "millrace/v1/training_host.pb-c.h"

#define GATEWAY(name) MILLRACE__V1__HOST_STATUS__GATEWAY__##name

enum { AGAIN_MS = 20, TRAINING_MAX = 8 };

// What the two calls answered.
typedef struct report {
  Grpc__Health__V1__HealthListResponse *health;  // owned
  Millrace__V1__HostStatus *host;                // owned; NULL: see host_err
  int64_t backend_us, host_us;                   // how long the answers took
  mesh_error backend_err, host_err;
  mesh_code backend_code, host_code;
  Millrace__V1__TrainingHostStatus *training[TRAINING_MAX];  // owned
  size_t training_count;                                     // 0: there is no training in this mesh
} report;

// ---- ask ----

static mesh_code ask(client *own, const char *method, const ProtobufCMessage *request,
                     client_each each, void *arg, int64_t *took_us, mesh_error *err) {
  int64_t start_ns = mesh_now_ns();
  mesh_code code = client_call(own, method, request, each, arg, err);
  *took_us = (mesh_now_ns() - start_ns) / 1000;
  return code;
}

static mesh_code take_health(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  report *all = arg;
  if (all->health != NULL) return GRPC_STATUS_OK;
  all->health = mesh_message_unpack(&grpc__health__v1__health_list_response__descriptor, frame.data,
                                    frame.size_bytes);
  return all->health != NULL ? GRPC_STATUS_OK : client_bad_reply("HealthListResponse", err);
}

static mesh_code take_host(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  report *all = arg;
  if (all->host != NULL) return GRPC_STATUS_OK;
  all->host =
      mesh_message_unpack(&millrace__v1__host_status__descriptor, frame.data, frame.size_bytes);
  return all->host != NULL ? GRPC_STATUS_OK : client_bad_reply("HostStatus", err);
}

static mesh_code take_training(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  report *all = arg;
  if (all->training_count == TRAINING_MAX) return GRPC_STATUS_OK;
  Millrace__V1__TrainingHostStatus *status = mesh_message_unpack(
      &millrace__v1__training_host_status__descriptor, frame.data, frame.size_bytes);
  if (status == NULL) return client_bad_reply("TrainingHostStatus", err);
  all->training[all->training_count++] = status;
  return GRPC_STATUS_OK;
}

static void report_clear(report *all) {
  for (size_t i = 0; i < all->training_count; i++)
    millrace__v1__training_host_status__free_unpacked(all->training[i], NULL);
  if (all->health != NULL) {
    grpc__health__v1__health_list_response__free_unpacked(all->health, NULL);
  }
  if (all->host != NULL) millrace__v1__host_status__free_unpacked(all->host, NULL);
  *all = (report){0};
}

static void ask_all(client *own, report *all) {
  Grpc__Health__V1__HealthListRequest health = GRPC__HEALTH__V1__HEALTH_LIST_REQUEST__INIT;
  Millrace__V1__HostStatusRequest host = MILLRACE__V1__HOST_STATUS_REQUEST__INIT;
  // The first call waits for the connection, too: its round trip is measured by a second one.
  all->host_code = ask(own, "/millrace.v1.DataAdapter/Status", &host.base, take_host, all,
                       &all->host_us, &all->host_err);
  all->backend_code = ask(own, "/grpc.health.v1.Health/List", &health.base, take_health, all,
                          &all->backend_us, &all->backend_err);
  if (all->host_code != GRPC_STATUS_OK || all->backend_code != GRPC_STATUS_OK) return;
  all->host_code = ask(own, "/millrace.v1.DataAdapter/Status", &host.base, take_host, all,
                       &all->host_us, &all->host_err);
  // A backend without training hosts has no such service.
  Millrace__V1__TrainingHostStatusRequest training =
      MILLRACE__V1__TRAINING_HOST_STATUS_REQUEST__INIT;
  mesh_error ignored;
  (void)!client_call(own, "/millrace.v1.TrainingAdapter/Status", &training.base, take_training, all,
                     &ignored);
}

// ---- judge ----

static const char *serving_name(const Grpc__Health__V1__HealthCheckResponse *response) {
  static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  unsigned status = response == NULL ? 0 : (unsigned)response->status;
  return names[status < 4 ? status : 0];
}

static bool is_healthy(const report *all) {
  if (all->backend_code != GRPC_STATUS_OK || all->host_code != GRPC_STATUS_OK) return false;
  if (all->health == NULL || all->host == NULL) return false;
  for (size_t i = 0; i < all->health->n_statuses; i++) {
    if (strcmp(serving_name(all->health->statuses[i]->value), "SERVING") != 0) return false;
  }
  for (size_t i = 0; i < all->training_count; i++) {
    if (all->training[i]->unreachable[0] != '\0') return false;
  }
  return all->host->gateway == GATEWAY(READY);
}

static const char *gateway_name(const Millrace__V1__HostStatus *host) {
  static const char *const names[] = {"UNKNOWN", "CONNECTING", "READY", "BACKOFF", "STALLED"};
  unsigned state = (unsigned)host->gateway;
  return names[state < 5 ? state : 0];
}

// ---- print ----

// One line, or one JSON object: a piece of the mesh. `took_us` < 0: not measured.
static void print_piece(const client *own, const char *piece, const char *state,
                        const char *address, int64_t took_us, const char *detail) {
  if (own->json) {
    print_text(stdout, "{\"piece\":\"%s\",\"state\":\"%s\",\"address\":", piece, state);
    print_json_string(stdout, address);
    if (took_us >= 0) print_text(stdout, ",\"roundTripUs\":%" PRId64, took_us);
    print_text(stdout, ",\"detail\":");
    print_json_string(stdout, detail);
    print_text(stdout, "}\n");
    return;
  }
  char took[32] = "";
  if (took_us >= 0) snprintf(took, sizeof took, "%.2f ms", (double)took_us / 1000);
  row_print_more(stdout, detail, "%-18s %-12s %10s  %s", piece, state, took, address);
}

static void print_services(const client *own, const report *all) {
  for (size_t i = 0; all->health != NULL && i < all->health->n_statuses; i++) {
    const Grpc__Health__V1__HealthListResponse__StatusesEntry *entry = all->health->statuses[i];
    const char *name = strrchr(entry->key, '.');
    if (strncmp(entry->key, "millrace.", 9) != 0 || name == NULL) continue;
    print_piece(own, name + 1, serving_name(entry->value), "in the backend", -1, "");
  }
}

static void print_training(const client *own, const report *all) {
  for (size_t i = 0; i < all->training_count; i++) {
    const Millrace__V1__TrainingHostStatus *host = all->training[i];
    char detail[MESH_ERROR_MESSAGE_MAX];
    bool away = host->unreachable[0] != '\0';
    mesh_text_format(detail, sizeof detail, "%.*s, %d of %d slots taken",
                     MESH_TEXT_SHOWN(host->device, 64), host->running, host->slots);
    print_piece(own, host->name, away ? "UNREACHABLE" : "SERVING", "through the training adapter",
                -1, away ? host->unreachable : detail);
  }
}

static void print_host(const client *own, const report *all) {
  if (all->host == NULL) {
    print_piece(own, "ib-host", mesh_code_name(all->host_code), "", -1, all->host_err.message);
    return;
  }
  const Millrace__V1__HostStatus *host = all->host;
  char detail[MESH_ERROR_MESSAGE_MAX];
  snprintf(detail, sizeof detail, "%" PRId64 " requests sent, %d open, %" PRId64 " reconnects",
           host->requests_sent, host->open_requests, host->reconnects);
  print_piece(own, "ib-host", "SERVING", "through the data adapter", all->host_us, detail);
  bool simulated = strcmp(host->source, SERIES_SOURCE_PAPERGATE) == 0;
  snprintf(detail, sizeof detail, "%sserver version %d, client %d", simulated ? "simulated, " : "",
           host->server_version, host->client_id);
  bool ready = host->gateway == GATEWAY(READY);
  int64_t took_us = host->gateway_round_trip_us > 0 ? host->gateway_round_trip_us : -1;
  print_piece(own, "gateway", gateway_name(host), host->address, took_us,
              ready ? detail : host->detail);
}

static void print_report(const client *own, const report *all) {
  if (!own->json) row_print(stdout, "%-18s %-12s %10s", "PIECE", "STATE", "ROUND TRIP");
  print_piece(own, "backend", "SERVING", mesh_link_address(own->backend), all->backend_us, "");
  print_services(own, all);
  print_training(own, all);
  print_host(own, all);
}

// ---- run ----

// A new link at each try: one that failed waits before it connects again.
static mesh_code reopen(client *own, mesh_error *err) {
  mesh_code code = mesh_sleep_until(&own->scope, mesh_time_after_ms(mesh_now_ns(), AGAIN_MS), err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_link_close(own->backend);
  own->backend = NULL;
  return mesh_link_open(own->loop, "backend", settings_get(&own->settings, SETTING_BACKEND_ADDRESS),
                        &own->backend, err);
}

static mesh_code tell(client *own, const report *all, mesh_error *err) {
  if (all->backend_code != GRPC_STATUS_OK) {
    *err = all->backend_err;
    return all->backend_code;
  }
  print_report(own, all);
  if (!is_healthy(all)) own->exit_code = EXIT_CODE_UNAVAILABLE;
  return GRPC_STATUS_OK;
}

static mesh_code run(client *own, mesh_error *err) {
  int64_t wait_s;
  mesh_code code = args_get_number(own->given, "wait", 0, 86400, 0, &wait_s, err);
  if (code != GRPC_STATUS_OK) return code;
  int64_t limit_ns = mesh_time_after_s(mesh_now_ns(), wait_s);
  report *all = calloc(1, sizeof *all);
  if (all == NULL) abort();
  ask_all(own, all);
  while (code == GRPC_STATUS_OK && !is_healthy(all) && mesh_now_ns() < limit_ns) {
    report_clear(all);
    code = reopen(own, err);
    if (code == GRPC_STATUS_OK) ask_all(own, all);
  }
  if (code == GRPC_STATUS_OK) code = tell(own, all, err);
  report_clear(all);
  free(all);
  return code;
}

int cmd_status(const command *self, const args *given) {
  return client_main(self, given, run);
}
