#include "host/training/service/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/flags.h"

enum {
  LISTEN = 1,
  BACKEND,
  HOME,
  SLOTS,
  THREADS,
  MEMORY,
  GPU_MEMORY,
  DRAIN_LIMIT,
  LOG_LEVEL,
  LOG_JSON,
  EXIT_WITH_PARENT,
  HELP
};

static const struct option flags[] = {
    {"listen", required_argument, NULL, LISTEN},
    {"backend", required_argument, NULL, BACKEND},
    {"home", required_argument, NULL, HOME},
    {"slots", required_argument, NULL, SLOTS},
    {"threads", required_argument, NULL, THREADS},
    {"memory-mib", required_argument, NULL, MEMORY},
    {"gpu-memory-mib", required_argument, NULL, GPU_MEMORY},
    {"drain-limit-ms", required_argument, NULL, DRAIN_LIMIT},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"log-json", no_argument, NULL, LOG_JSON},
    {"exit-with-parent", no_argument, NULL, EXIT_WITH_PARENT},
    {"help", no_argument, NULL, HELP},
    {0},
};

void training_options_help(void) {
  printf(
      "usage: millrace-training-host --listen ADDRESS --backend ADDRESS --home DIR [flags]\n"
      "\n"
      "Serves TrainingHost: trains networks on a CUDA GPU or the CPU. `millrace up` starts it.\n"
      "\n"
      "  --listen ADDRESS     unix:/path or a loopback host:port; may be given up to %d times\n"
      "  --backend ADDRESS    where bars and models are read\n"
      "  --home DIR           where checkpoints/ lies\n"
      "  --slots N            trainings at a time (default 1)\n"
      "  --threads N          of one training on the CPU; 0: one a core (default)\n"
      "  --memory-mib N       what the rows of one training may take; 0: no limit (default 4096)\n"
      "  --gpu-memory-mib N   what one training may take of a GPU; 0: what is free (default)\n"
      "  --drain-limit-ms N   how long what runs may take to stop at SIGTERM (default 4000)\n"
      "  --log-level LEVEL    debug, info (default), warn, error\n"
      "  --log-json           one JSON object a line\n"
      "  --exit-with-parent   ends when the process that started it ends\n"
      "  --help               this text\n",
      TRAINING_LISTEN_MAX);
}

static mesh_code take_number(const char *flag, const char *value, int64_t least, int64_t most,
                             int64_t *out, mesh_error *err) {
  char *end;
  errno = 0;
  *out = strtoll(value, &end, 10);
  bool whole = errno == 0 && end != value && *end == '\0';
  if (whole && *out >= least && *out <= most) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s '%s': use a number from %lld to %lld",
                   flag, value, (long long)least, (long long)most);
}

static mesh_code take_listen(training_options *out, const char *value, mesh_error *err) {
  if (out->listen_count == TRAINING_LISTEN_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--listen may be given %d times",
                     TRAINING_LISTEN_MAX);
  }
  out->listen[out->listen_count++] = value;
  return GRPC_STATUS_OK;
}

static mesh_code take_flag(void *arg, int flag, const char *value, mesh_error *err) {
  training_options *out = arg;
  switch (flag) {
    case LISTEN:
      return take_listen(out, value, err);
    case BACKEND:
      out->backend = value;
      return GRPC_STATUS_OK;
    case HOME:
      out->home = value;
      return GRPC_STATUS_OK;
    case SLOTS:
      return take_number("--slots", value, 1, 64, &out->slots, err);
    case THREADS:
      return take_number("--threads", value, 0, 256, &out->threads, err);
    case MEMORY:
      return take_number("--memory-mib", value, 0, 1 << 24, &out->memory_mib, err);
    case GPU_MEMORY:
      return take_number("--gpu-memory-mib", value, 0, 1 << 24, &out->gpu_memory_mib, err);
    case DRAIN_LIMIT:
      return take_number("--drain-limit-ms", value, 0, 3600000, &out->drain_limit_ms, err);
    case LOG_LEVEL:
      if (mesh_log_parse_level(value, &out->log_level)) return GRPC_STATUS_OK;
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "--log-level '%s': use debug, info, warn or error", value);
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

mesh_code training_options_parse(int argc, char **argv, training_options *out, mesh_error *err) {
  *out = (training_options){
      .slots = 1, .memory_mib = 4096, .drain_limit_ms = 4000, .log_level = MESH_LOG_INFO};
  mesh_code code = mesh_flags_parse(argc, argv, flags, take_flag, out, err);
  if (code != GRPC_STATUS_OK || out->help) return code;
  if (out->listen_count == 0 || out->backend == NULL || out->home == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--listen, --backend and --home are needed");
  }
  return GRPC_STATUS_OK;
}
