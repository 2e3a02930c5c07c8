#include "backend/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/flags.h"

enum {
  HOME = 1,
  LISTEN,
  IB_HOST,
  TRAINING_HOST,
  DATA_MANAGER,
  DATA_ADAPTER,
  TRAINING_MANAGER,
  TRAINING_ADAPTER,
  LOG_LEVEL,
  LOG_JSON,
  SYNCHRONOUS,
  PARALLEL,
  KEEP_DAYS,
  KEEP_OPERATIONS,
  DRAIN_LIMIT,
  EXIT_WITH_PARENT,
  HELP
};

static const struct option flags[] = {
    {"home", required_argument, NULL, HOME},
    {"listen", required_argument, NULL, LISTEN},
    {"ib-host", required_argument, NULL, IB_HOST},
    {"training-host", required_argument, NULL, TRAINING_HOST},
    {"data-manager", required_argument, NULL, DATA_MANAGER},
    {"data-adapter", required_argument, NULL, DATA_ADAPTER},
    {"training-manager", required_argument, NULL, TRAINING_MANAGER},
    {"training-adapter", required_argument, NULL, TRAINING_ADAPTER},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"log-json", no_argument, NULL, LOG_JSON},
    {"synchronous", required_argument, NULL, SYNCHRONOUS},
    {"parallel", required_argument, NULL, PARALLEL},
    {"keep-days", required_argument, NULL, KEEP_DAYS},
    {"keep-operations", required_argument, NULL, KEEP_OPERATIONS},
    {"drain-limit-ms", required_argument, NULL, DRAIN_LIMIT},
    {"exit-with-parent", no_argument, NULL, EXIT_WITH_PARENT},
    {"help", no_argument, NULL, HELP},
    {0},
};

void backend_options_help(void) {
  printf(
      "usage: millrace-backend --home DIR --listen ADDRESS --ib-host ADDRESS [flags]\n"
      "\n"
      "Serves the data and training services, ModelsService and OperationsService. `millrace up` "
      "starts it.\n"
      "\n"
      "  --home DIR           where millrace.db lies\n"
      "  --listen ADDRESS     unix:/path or a loopback host:port; may be given up to %d times\n"
      "  --ib-host ADDRESS    where millrace-ib-host listens\n"
      "  --training-host ADDRESS  where a millrace-training-host listens; may be given up to 8 "
      "times\n"
      "  --data-manager ADDRESS  where DataService finds DataManager (default: in this process)\n"
      "  --data-adapter ADDRESS  where DataManager finds DataAdapter (default: in this process)\n"
      "  --training-manager ADDRESS, --training-adapter ADDRESS  likewise, of the training layers\n"
      "  --parallel N         segments of a load that are fetched at a time, 1 to 32 (default 4)\n"
      "  --synchronous MODE   normal: survives any crash of the program (default);\n"
      "                       full: and a power loss\n"
      "  --keep-days N        operations that ended so long ago are forgotten; 0: never (default "
      "90)\n"
      "  --keep-operations N  ended operations to keep at most; 0: all (default 10000)\n"
      "  --drain-limit-ms N   how long what runs may take to stop at SIGTERM (default 3000)\n"
      "  --log-level LEVEL    debug, info (default), warn, error\n"
      "  --log-json           one JSON object a line\n"
      "  --exit-with-parent   ends when the process that started it ends\n"
      "  --help               this text\n",
      BACKEND_LISTEN_MAX);
}

static mesh_code refuse(const char *flag, const char *value, const char *right, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s '%s': use %s", flag, value, right);
}

static mesh_code take_number(const char *flag, const char *value, int64_t max, int64_t *out,
                             mesh_error *err) {
  char *end;
  errno = 0;
  *out = strtoll(value, &end, 10);
  if (errno == 0 && end != value && *end == '\0' && *out >= 0 && *out <= max) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s '%s': use a number from 0 to %lld", flag,
                   value, (long long)max);
}

static mesh_code take_flag(void *arg, int flag, const char *value, mesh_error *err) {
  backend_options *out = arg;
  char *end;
  switch (flag) {
    case HOME:
      out->home = value;
      return GRPC_STATUS_OK;
    case LISTEN:
      if (out->listen_count == BACKEND_LISTEN_MAX) {
        return refuse("--listen", value, "it at most 8 times", err);
      }
      out->listen[out->listen_count++] = value;
      return GRPC_STATUS_OK;
    case IB_HOST:
      out->ib_host = value;
      return GRPC_STATUS_OK;
    case TRAINING_HOST:
      if (out->training_host_count == BACKEND_TRAINING_HOSTS_MAX) {
        return refuse("--training-host", value, "it at most 8 times", err);
      }
      out->training_hosts[out->training_host_count++] = value;
      return GRPC_STATUS_OK;
    case TRAINING_MANAGER:
      out->training_manager = value;
      return GRPC_STATUS_OK;
    case TRAINING_ADAPTER:
      out->training_adapter = value;
      return GRPC_STATUS_OK;
    case DATA_MANAGER:
      out->data_manager = value;
      return GRPC_STATUS_OK;
    case DATA_ADAPTER:
      out->data_adapter = value;
      return GRPC_STATUS_OK;
    case LOG_LEVEL:
      if (mesh_log_parse_level(value, &out->log_level)) return GRPC_STATUS_OK;
      return refuse("--log-level", value, "debug, info, warn or error", err);
    case SYNCHRONOUS:
      out->synchronous_full = strcmp(value, "full") == 0;
      if (out->synchronous_full || strcmp(value, "normal") == 0) return GRPC_STATUS_OK;
      return refuse("--synchronous", value, "normal or full", err);
    case PARALLEL:
      out->parallel = (int)strtol(value, &end, 10);
      if (*end == '\0' && out->parallel >= 1 && out->parallel <= 32) return GRPC_STATUS_OK;
      return refuse("--parallel", value, "a number from 1 to 32", err);
    case KEEP_DAYS:
      return take_number("--keep-days", value, 36500, &out->keep_days, err);
    case KEEP_OPERATIONS:
      return take_number("--keep-operations", value, INT64_C(1000000000), &out->keep_operations,
                         err);
    case DRAIN_LIMIT:
      return take_number("--drain-limit-ms", value, 3600000, &out->drain_limit_ms, err);
    case LOG_JSON:
      out->log_json = true;
      return GRPC_STATUS_OK;
    case EXIT_WITH_PARENT:
      out->exit_with_parent = true;
      return GRPC_STATUS_OK;
    default:
      out->help = true;
      return GRPC_STATUS_OK;
  }
}

mesh_code backend_options_parse(int argc, char **argv, backend_options *out, mesh_error *err) {
  *out = (backend_options){.log_level = MESH_LOG_INFO,
                           .parallel = 4,
                           .keep_days = 90,
                           .keep_operations = 10000,
                           .drain_limit_ms = 3000};
  mesh_code code = mesh_flags_parse(argc, argv, flags, take_flag, out, err);
  if (code != GRPC_STATUS_OK || out->help) return code;
  if (out->home == NULL || out->listen_count == 0 || out->ib_host == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--home, --listen and --ib-host are needed");
  }
  return GRPC_STATUS_OK;
}
