#include "host/training/service/options.h"

#include <stdio.h>

#include "mesh/program/options.h"

void training_options_help(void) {
  printf(
      "usage: millrace-training-host --listen ADDRESS --backend ADDRESS --home DIR [flags]\n"
      "\n"
      "Serves TrainingHost: trains networks on a CUDA GPU or the CPU. `millrace up` starts it.\n"
      "\n"
      "  --listen ADDRESS     unix:/path or a loopback host:port; may be given up to %d times.\n"
      "                       Every user of this machine can use a port; a socket is yours alone\n"
      "  --backend ADDRESS    where bars and models are read\n"
      "  --home DIR           where checkpoints/ lies\n"
      "  --slots N            trainings at a time (default 1)\n"
      "  --threads N          of one training on the CPU; 0: one a core (default)\n"
      "  --memory-mib N       what the rows of one training may take, and what its network may;\n"
      "                       0: no limit (default 4096)\n"
      "  --gpu-memory-mib N   what one training may take of a GPU; 0: what is free (default)\n"
      "  --cache-mib N        bars that are kept for the next training; 0: none (default 256)\n"
      "  --drain-limit-ms N   how long what runs may take to stop at SIGTERM (default 4000)\n",
      TRAINING_LISTEN_MAX);
  mesh_program_options_help(stdout, 21);
}

mesh_code training_options_parse(int argc, char **argv, training_options *out, mesh_error *err) {
  *out =
      (training_options){.slots = 1, .memory_mib = 4096, .cache_mib = 256, .drain_limit_ms = 4000};
  const mesh_flag flags[] = {
      {"listen", .text = out->listen, .count = &out->listen_count, .most = TRAINING_LISTEN_MAX},
      {"backend", .text = &out->backend},
      {"home", .text = &out->home},
      {"slots", .number = &out->slots, .least = 1, .most = 64},
      {"threads", .number = &out->threads, .most = 256},
      {"memory-mib", .number = &out->memory_mib, .most = 1 << 24},
      {"gpu-memory-mib", .number = &out->gpu_memory_mib, .most = 1 << 24},
      {"cache-mib", .number = &out->cache_mib, .most = 1 << 24},
      {"drain-limit-ms", .number = &out->drain_limit_ms, .most = 3600000},
  };
  mesh_code code = mesh_program_options_parse(argc, argv, flags, sizeof flags / sizeof *flags,
                                              &out->program, err);
  if (code != GRPC_STATUS_OK || out->program.help) return code;
  if (out->listen_count == 0 || out->backend == NULL || out->home == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--listen, --backend and --home are needed");
  }
  return GRPC_STATUS_OK;
}
