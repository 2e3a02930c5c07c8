#include "cli/commands/hosts.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "market/times.h"
#include "mesh/rpc/pack.h"
#include "millrace/v1/hosts.pb-c.h"

static const char *state_name(Millrace__V1__Host__State state) {
  static const char *const names[] = {"?", "SERVING", "DRAINING", "UNREACHABLE"};
  return names[(unsigned)state < 4 ? state : 0];
}

static void print_host(const Millrace__V1__Host *host) {
  char since[TIMES_TEXT_MAX] = "-";
  if (host->started != NULL) times_format(host->started->seconds, since);
  row_print_more(stdout, host->note, "%-15s %-11s %7d  %-20s %s", host->name,
                 state_name(host->state), host->running, since, host->address);
}

// ---- list ----

static mesh_code take_host(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  int *rows = arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.Host", view, err);
  Millrace__V1__Host *host =
      mesh_message_unpack(&millrace__v1__host__descriptor, frame.data, frame.size_bytes);
  if (host == NULL) return client_bad_reply("Host", err);
  if ((*rows)++ == 0) {
    row_print(stdout, "%-15s %-11s %7s  %-20s %s", "HOST", "STATE", "RUNNING", "SINCE", "ADDRESS");
  }
  print_host(host);
  millrace__v1__host__free_unpacked(host, NULL);
  return output_flush(err);
}

static mesh_code run_list(client *own, mesh_error *err) {
  int rows = 0;
  Millrace__V1__ListHostsRequest request = MILLRACE__V1__LIST_HOSTS_REQUEST__INIT;
  return client_call(own, "/millrace.v1.HostsService/List", &request.base, take_host, &rows, err);
}

int cmd_hosts_list(const command *self, const args *given) {
  return client_main(self, given, run_list);
}

// ---- drain ----

static mesh_code take_change(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  int *running = arg;
  mesh_view view = {frame.data, frame.size_bytes};
  Millrace__V1__Host *host =
      mesh_message_unpack(&millrace__v1__host__descriptor, frame.data, frame.size_bytes);
  if (host == NULL) return client_bad_reply("Host", err);
  *running = host->running;
  if (own->terminal) {  // a live line: what stays is one line
    print_text(stdout, "\r\033[K%s takes no new work; %d calls run", host->name, host->running);
  }
  millrace__v1__host__free_unpacked(host, NULL);
  return own->json ? client_print_json(own, "millrace.v1.Host", view, err) : output_flush(err);
}

static mesh_code run_drain(client *own, mesh_error *err) {
  int running = 0;
  Millrace__V1__DrainRequest request = MILLRACE__V1__DRAIN_REQUEST__INIT;
  request.name = (char *)own->given->words[0];
  mesh_code code = args_get_duration(own->given, "limit", 0, &request.limit_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  code = client_call(own, "/millrace.v1.HostsService/Drain", &request.base, take_change, &running,
                     err);
  if (own->terminal) print_own(stdout, "\r\033[K");
  if (code != GRPC_STATUS_OK || own->json) return code;
  if (running > 0) {
    print_text(stdout, "%s leaves; %d calls were interrupted, and go on elsewhere\n", request.name,
               running);
  } else {
    print_text(stdout, "%s leaves; nothing was interrupted\n", request.name);
  }
  return GRPC_STATUS_OK;
}

int cmd_hosts_drain(const command *self, const args *given) {
  return client_main(self, given, run_drain);
}
