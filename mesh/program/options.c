#include "mesh/program/options.h"

#include <assert.h>
#include <string.h>

#include "mesh/program/process.h"

mesh_code mesh_program_options_parse(int argc, char **argv, const mesh_flag *flags, int count,
                                     mesh_program_options *common, mesh_error *err) {
  *common = (mesh_program_options){.limits = mesh_limits_default(),
                                   .log_level = MESH_LOG_INFO,
                                   .log_file = {.mib = 16, .files = 5}};
  const mesh_flag shared[MESH_PROGRAM_FLAGS] = {
      {"limit", .take = mesh_limits_take, .to = &common->limits},
      {"log-level", .take = mesh_flag_take_log_level, .to = &common->log_level},
      {"log-json", .on = &common->log_json},
      {"log-file", .text = &common->log_file.path},
      {"log-file-mib", .number = &common->log_file.mib, .least = 1, .most = 1 << 20},
      {"log-files", .number = &common->log_file.files, .least = 1, .most = 1000},
      {"exit-with-parent", .on = &common->exit_with_parent},
      {"help", .on = &common->help},
  };
  mesh_flag all[MESH_FLAGS_MAX];
  assert(count >= 0 && count + MESH_PROGRAM_FLAGS <= MESH_FLAGS_MAX);
  memcpy(all, flags, (size_t)count * sizeof *all);
  memcpy(all + count, shared, sizeof shared);
  return mesh_flags_parse(argc, argv, all, count + MESH_PROGRAM_FLAGS, err);
}

void mesh_program_options_help(FILE *out, int column) {
  static const char *const lines[MESH_PROGRAM_FLAGS][2] = {
      {"--limit NAME=N", "what peers may take: docs/limits.md; may be repeated"},
      {"--log-level LEVEL", "debug, info (default), warn, error"},
      {"--log-json", "one JSON object a line"},
      {"--log-file FILE", "where standard error leads, kept within the next two"},
      {"--log-file-mib N", "a longer one becomes FILE.1, that FILE.2 (default 16)"},
      {"--log-files N", "how many there are at most (default 5)"},
      {"--exit-with-parent", "ends when the process that started it ends"},
      {"--help", "this text"},
  };
  for (size_t i = 0; i < MESH_PROGRAM_FLAGS; i++)
    fprintf(out, "  %-*s%s\n", column, lines[i][0], lines[i][1]);
}

void mesh_program_prepare(const char *name, const mesh_program_options *common) {
  mesh_log_init(name, common->log_level, common->log_json);
  mesh_log_keep_within(&common->log_file);
  mesh_process_keep_private();
  mesh_process_block_signals();
  mesh_process_raise_descriptors();
  if (common->exit_with_parent) mesh_process_exit_with_parent();
}
