#include "backend/options.h"

#include <stdio.h>
#include <string.h>

#include "market/prices.h"
#include "mesh/program/options.h"

void backend_options_help(void) {
  printf(
      "usage: millrace-backend --home DIR --listen ADDRESS --ib-host ADDRESS [flags]\n"
      "\n"
      "Serves the data and training services, ModelsService and OperationsService. `millrace up` "
      "starts it.\n"
      "\n"
      "  --home DIR           where millrace.db lies\n"
      "  --listen ADDRESS     unix:/path or a loopback host:port; may be given up to %d times.\n"
      "                       Every user of this machine can use a port; a socket is yours alone\n"
      "  --ib-host ADDRESS    where millrace-ib-host listens\n"
      "  --training-host ADDRESS  where a millrace-training-host listens; may be given up to 8 "
      "times\n"
      "  --data-manager ADDRESS  where DataService finds DataManager (default: in this process)\n"
      "  --data-adapter ADDRESS  where DataManager finds DataAdapter (default: in this process)\n"
      "  --training-manager ADDRESS, --training-adapter ADDRESS, --models-manager ADDRESS\n"
      "                       likewise, of the training layers\n"
      "  --training-grace-s N  how long a training goes on without this process, 1 to 3600; a "
      "host\n"
      "                       that stays away for longer is given up for another (default 60)\n"
      "  --parallel N         segments of a load that are fetched at a time, 1 to 32 (default 4)\n"
      "  --prices NAME        what bars are made of where a request does not say: TRADES, "
      "MIDPOINT, "
      "BID,\n"
      "                       ASK ... (default: by the kind of instrument)\n"
      "  --session NAME       which hours they cover: regular or all (default: by the kind)\n"
      "  --synchronous MODE   normal: survives any crash of the program (default);\n"
      "                       full: and a power loss\n"
      "  --busy-limit-s N     how long a write waits for another process that holds the store, "
      "such "
      "as a\n"
      "                       backup, 1 to 86400 (default 600)\n"
      "  --store-log-mib N    the store's write-ahead log is folded into it when it is longer, 1 "
      "to "
      "4096\n"
      "                       (default 64); it may grow while another process reads an old state\n"
      "  --keep-days N        operations that ended so long ago are forgotten; 0: never (default "
      "90)\n"
      "  --keep-operations N  ended operations to keep at most; 0: all (default 10000)\n"
      "  --drain-limit-ms N   how long what runs may take to stop at SIGTERM (default 3000)\n"
      "  --operations N       that may run at a time; 0: any number (default 1000)\n"
      "  --starts-per-s N     of operations; 0: any number (default 100)\n",
      BACKEND_LISTEN_MAX);
  mesh_program_options_help(stdout, 21);
}

static mesh_code take_synchronous(void *to, const char *value, mesh_error *err) {
  bool *full = to;
  *full = strcmp(value, "full") == 0;
  if (*full || strcmp(value, "normal") == 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--synchronous '%s': use normal or full",
                   value);
}

static mesh_code take_prices(void *to, const char *value, mesh_error *err) {
  return prices_parse(value, to, err);
}

static mesh_code take_session(void *to, const char *value, mesh_error *err) {
  return session_parse(value, to, err);
}

mesh_code backend_options_parse(int argc, char **argv, backend_options *out, mesh_error *err) {
  *out = (backend_options){.parallel = 4,
                           .busy_limit_s = 600,
                           .store_log_mib = 64,
                           .keep_days = 90,
                           .keep_operations = 10000,
                           .training_grace_s = 60,
                           .drain_limit_ms = 3000,
                           .operations = 1000,
                           .starts_per_s = 100};
  const mesh_flag flags[] = {
      {"home", .text = &out->home},
      {"listen", .text = out->listen, .count = &out->listen_count, .most = BACKEND_LISTEN_MAX},
      {"ib-host", .text = &out->ib_host},
      {"training-host", .text = out->training_hosts, .count = &out->training_host_count,
       .most = BACKEND_TRAINING_HOSTS_MAX},
      {"data-manager", .text = &out->data_manager},
      {"data-adapter", .text = &out->data_adapter},
      {"training-manager", .text = &out->training_manager},
      {"training-adapter", .text = &out->training_adapter},
      {"models-manager", .text = &out->models_manager},
      {"prices", .take = take_prices, .to = &out->prices},
      {"session", .take = take_session, .to = &out->session},
      {"synchronous", .take = take_synchronous, .to = &out->synchronous_full},
      {"parallel", .whole = &out->parallel, .least = 1, .most = 32},
      {"busy-limit-s", .number = &out->busy_limit_s, .least = 1, .most = 86400},
      {"store-log-mib", .number = &out->store_log_mib, .least = 1, .most = 4096},
      {"keep-days", .number = &out->keep_days, .most = 36500},
      {"keep-operations", .number = &out->keep_operations, .most = 1000000000},
      {"training-grace-s", .number = &out->training_grace_s, .least = 1, .most = 3600},
      {"drain-limit-ms", .number = &out->drain_limit_ms, .most = 3600000},
      {"operations", .number = &out->operations, .most = 1000000000},
      {"starts-per-s", .number = &out->starts_per_s, .most = 1000000000},
  };
  mesh_code code = mesh_program_options_parse(argc, argv, flags, sizeof flags / sizeof *flags,
                                              &out->program, err);
  if (code != GRPC_STATUS_OK || out->program.help) return code;
  if (out->home == NULL || out->listen_count == 0 || out->ib_host == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--home, --listen and --ib-host are needed");
  }
  return GRPC_STATUS_OK;
}
