#include "mesh/flags.h"

mesh_code mesh_flags_parse(int argc, char **argv, const struct option *table, mesh_flags_take take,
                           void *out, mesh_error *err) {
  opterr = 0;
  optind = 1;
  for (int flag; (flag = getopt_long(argc, argv, "", table, NULL)) != -1;) {
    if (flag == '?') {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "unknown flag, or a flag without its value: %s", argv[optind - 1]);
    }
    mesh_code code = take(out, flag, optarg, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (optind == argc) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unexpected argument: %s", argv[optind]);
}
