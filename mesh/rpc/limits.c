#include "mesh/rpc/limits.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT(name) #name, offsetof(mesh_limits, name)

static const mesh_limit_info infos[] = {
    {LIMIT(connections), 1024, 1, 100000},   {LIMIT(peer_connections), 256, 1, 100000},
    {LIMIT(streams), 1000, 1, 100000},       {LIMIT(calls), 4000, 2, 100000},
    {LIMIT(message_kib), 4096, 64, 1 << 20}, {LIMIT(header_kib), 8, 4, 1024},
    {LIMIT(connection_mib), 8, 1, 1 << 20},  {LIMIT(memory_mib), 256, 8, 1 << 20},
    {LIMIT(answers_mib), 32, 8, 1 << 20},    {LIMIT(resets), 200, 1, 1000000000},
    {LIMIT(passed), 400, 4, 100000},         {LIMIT(idle_s), 1800, 0, 1000000},
    {LIMIT(age_s), 3600, 0, 1000000},
};

enum { COUNT = sizeof infos / sizeof *infos };

const mesh_limit_info *mesh_limits_info(size_t index) {
  return index < COUNT ? &infos[index] : NULL;
}

static int64_t *limit_of(mesh_limits *limits, const mesh_limit_info *info) {
  return (int64_t *)((char *)limits + info->offset);
}

mesh_limits mesh_limits_default(void) {
  mesh_limits limits;
  for (size_t i = 0; i < COUNT; i++)
    *limit_of(&limits, &infos[i]) = infos[i].unset;
  return limits;
}

static mesh_code fail_unknown(const char *value, mesh_error *err) {
  char names[256] = "";
  for (size_t i = 0, size = 0; i < COUNT && size < sizeof names; i++) {
    size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i == 0 ? "" : ", ",
                             infos[i].name);
  }
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--limit '%s': use NAME=NUMBER; names are %s",
                   value, names);
}

mesh_code mesh_limits_take(void *to, const char *value, mesh_error *err) {
  const char *equals = strchr(value, '=');
  const mesh_limit_info *info = NULL;
  for (size_t i = 0; equals != NULL && i < COUNT; i++) {
    size_t size = strlen(infos[i].name);
    if (size == (size_t)(equals - value) && memcmp(infos[i].name, value, size) == 0) {
      info = &infos[i];
    }
  }
  if (info == NULL) return fail_unknown(value, err);
  char *end;
  errno = 0;
  long long number = strtoll(equals + 1, &end, 10);
  bool read = errno == 0 && end != equals + 1 && *end == '\0';
  if (!read || number < info->least || number > info->most) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--limit '%s': use a number from %lld to %lld", value, (long long)info->least,
                     (long long)info->most);
  }
  *limit_of(to, info) = number;
  return GRPC_STATUS_OK;
}
