#include "mesh/program/flags.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

static mesh_code take_number(const mesh_flag *flag, const char *value, mesh_error *err) {
  char *end;
  errno = 0;
  long long number = strtoll(value, &end, 10);
  bool read = errno == 0 && end != value && *end == '\0';
  if (!read || number < flag->least || number > flag->most) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--%s '%s': use a number from %lld to %lld",
                     flag->name, value, (long long)flag->least, (long long)flag->most);
  }
  if (flag->number != NULL) {
    *flag->number = number;
  } else {
    *flag->whole = (int)number;
  }
  return GRPC_STATUS_OK;
}

static mesh_code take_text(const mesh_flag *flag, const char *value, mesh_error *err) {
  if (flag->count == NULL) {
    *flag->text = value;
    return GRPC_STATUS_OK;
  }
  if (*flag->count == flag->most) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--%s may be given %lld times", flag->name,
                     (long long)flag->most);
  }
  flag->text[(*flag->count)++] = value;
  return GRPC_STATUS_OK;
}

static mesh_code take_flag(const mesh_flag *flag, const char *value, mesh_error *err) {
  if (flag->text != NULL) return take_text(flag, value, err);
  if (flag->take != NULL) return flag->take(flag->to, value, err);
  if (flag->on == NULL) return take_number(flag, value, err);
  *flag->on = true;
  return GRPC_STATUS_OK;
}

mesh_code mesh_flags_parse(int argc, char **argv, const mesh_flag *flags, int count,
                           mesh_error *err) {
  struct option table[MESH_FLAGS_MAX + 1] = {{0}};
  assert(count <= MESH_FLAGS_MAX);
  for (int i = 0; i < count; i++) {
    assert(flags[i].whole == NULL || (flags[i].least >= INT_MIN && flags[i].most <= INT_MAX));
    table[i] = (struct option){.name = flags[i].name,
                               .has_arg = flags[i].on == NULL ? required_argument : no_argument};
  }
  opterr = 0;
  optind = 1;
  for (int found, which = 0; (found = getopt_long(argc, argv, "", table, &which)) != -1;) {
    if (found == '?') {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "unknown flag, or a flag without its value: %s", argv[optind - 1]);
    }
    mesh_code code = take_flag(&flags[which], optarg, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (optind == argc) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unexpected argument: %s", argv[optind]);
}

mesh_code mesh_flag_take_log_level(void *to, const char *value, mesh_error *err) {
  if (mesh_log_parse_level(value, to)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "--log-level '%s': use debug, info, warn or error", value);
}
