#include "cli/settings_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "cli/closest.h"

enum { KEY_MAX = 128, DEPTH_MAX = 4 };

typedef struct reader {
  const char *path;
  yaml_parser_t parser;
  char key[KEY_MAX];       // of the mappings that are open, and the key that waits for its value
  size_t ends[DEPTH_MAX];  // the length of `key` in each open mapping
  int depth;               // open mappings
  bool has_key;
  settings_file_each each;
  void *arg;
} reader;

mesh_code settings_file_unknown(const char *path, int line, const char *key,
                                const char *const *keys, size_t count, mesh_error *err) {
  const char *near = closest_word(key, keys, count);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%.200s:%d: unknown key '%.60s'%s%s%s", path,
                   line, key, near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
                   near == NULL ? "" : "?");
}

static mesh_code refuse(const reader *own, size_t line, const char *what, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%.200s:%zu: %s", own->path, line + 1, what);
}

static mesh_code open_mapping(reader *own, size_t line, mesh_error *err) {
  if (own->depth == DEPTH_MAX || (own->depth > 0 && !own->has_key)) {
    return refuse(own, line, "a mapping here is not expected", err);
  }
  own->ends[own->depth++] = strlen(own->key);
  own->has_key = false;
  return GRPC_STATUS_OK;
}

static void end_value(reader *own) {
  own->has_key = false;
  if (own->depth > 0) own->key[own->ends[own->depth - 1]] = '\0';
}

static mesh_code take_scalar(reader *own, const char *text, size_t line, mesh_error *err) {
  if (own->depth == 0) return refuse(own, line, "keys and values are expected", err);
  if (!own->has_key) {
    size_t size = own->ends[own->depth - 1];
    snprintf(own->key + size, sizeof own->key - size, "%s%.100s", size > 0 ? "." : "", text);
    own->has_key = true;
    return GRPC_STATUS_OK;
  }
  mesh_code code = own->each(own->arg, own->key, text, (int)line + 1, err);
  end_value(own);
  return code;
}

static mesh_code take_event(reader *own, const yaml_event_t *event, mesh_error *err) {
  size_t line = event->start_mark.line;
  switch (event->type) {
    case YAML_MAPPING_START_EVENT:
      return open_mapping(own, line, err);
    case YAML_MAPPING_END_EVENT:
      own->depth--;
      end_value(own);
      return GRPC_STATUS_OK;
    case YAML_SCALAR_EVENT:
      return take_scalar(own, (const char *)event->data.scalar.value, line, err);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_ALIAS_EVENT:
      return refuse(own, line, "only keys and single values are expected", err);
    default:
      return GRPC_STATUS_OK;
  }
}

static mesh_code read_events(reader *own, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (bool end = false; code == GRPC_STATUS_OK && !end;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&own->parser, &event)) {
      const char *problem = own->parser.problem;
      return refuse(own, own->parser.problem_mark.line, problem != NULL ? problem : "no YAML", err);
    }
    end = event.type == YAML_STREAM_END_EVENT;
    code = take_event(own, &event, err);
    yaml_event_delete(&event);
  }
  return code;
}

mesh_code settings_file_read(const char *path, settings_file_each each, void *arg,
                             mesh_error *err) {
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    mesh_code code = errno == EACCES ? GRPC_STATUS_PERMISSION_DENIED : GRPC_STATUS_NOT_FOUND;
    return mesh_fail(err, code, "configuration %s: %s", path, strerror(errno));
  }
  reader own = {.path = path, .each = each, .arg = arg};
  yaml_parser_initialize(&own.parser);
  yaml_parser_set_input_file(&own.parser, file);
  mesh_code code = read_events(&own, err);
  yaml_parser_delete(&own.parser);
  fclose(file);
  return code;
}
