#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "mesh/program/config_internal.h"
#include "mesh/runtime/text.h"

typedef struct reader {
  mesh_config *config;
  const char *path;
  yaml_document_t *document;
} reader;

enum {
  PLACE_MAX = 256,   // bytes
  FILE_SHOWN = 200,  // of a path; the rest of a longer one is not shown
  // Of a file: many times what all settings with comments take, and so little that nothing which
  // libyaml does with them takes long: with each bracket it looks at all that are open, with each
  // anchor at all before it.
  FILE_MAX_BYTES = 64 << 10,
  DEPTH_MAX = 16,  // mappings and lists within each other
  ANCHORS_MAX = 64,
};

// "FILE:LINE:COLUMN", both from 1.
static void write_place(const reader *own, yaml_mark_t mark, char out[PLACE_MAX]) {
  mesh_text_format(out, PLACE_MAX, "%.*s:%zu:%zu", MESH_TEXT_SHOWN(own->path, FILE_SHOWN),
                   mark.line + 1, mark.column + 1);
}

static mesh_code refuse(const reader *own, const yaml_node_t *node, const char *key,
                        const char *what, mesh_error *err) {
  char place[PLACE_MAX];
  write_place(own, node->start_mark, place);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: %s%s%s", place, key,
                   key[0] != '\0' ? ": " : "", what);
}

// `gateway:` with nothing behind it, "~" and "null".
static bool is_null(const yaml_node_t *node) {
  if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
    return false;
  }
  const char *text = (const char *)node->data.scalar.value;
  return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static mesh_code take_value(reader *own, config_setting *setting, const yaml_node_t *node,
                            mesh_error *err) {
  if (setting->given_in == own->config->files) {
    return refuse(own, node, setting->path, "it is in this file twice", err);
  }
  setting->given_in = own->config->files;
  if (is_null(node)) return GRPC_STATUS_OK;
  if (node->type != YAML_SCALAR_NODE) return refuse(own, node, setting->path, "use one value", err);
  const char *text = (const char *)node->data.scalar.value;
  if (strlen(text) != node->data.scalar.length) {
    return refuse(own, node, setting->path, "a NUL byte cannot be in a value", err);
  }
  char place[PLACE_MAX], *origin;
  write_place(own, node->start_mark, place);
  if (asprintf(&origin, "%s:%zu", own->path, node->start_mark.line + 1) < 0) abort();
  mesh_code code = mesh_config_take(own->config, setting, text, BY_FILE, place, origin, err);
  free(origin);
  return code;
}

static mesh_code take_section(reader *own, const char *section, const yaml_node_t *node,
                              mesh_error *err);

static mesh_code take_pair(reader *own, const char *section, const yaml_node_pair_t *pair,
                           mesh_error *err) {
  const yaml_node_t *key = yaml_document_get_node(own->document, pair->key);
  const yaml_node_t *value = yaml_document_get_node(own->document, pair->value);
  if (key->type != YAML_SCALAR_NODE) return refuse(own, key, section, "use a word as key", err);
  char path[MESH_CONFIG_PATH_MAX], place[PLACE_MAX];
  snprintf(path, sizeof path, "%s%s%s", section, section[0] != '\0' ? "." : "",
           (const char *)key->data.scalar.value);
  config_setting *setting = mesh_config_find(own->config, path);
  if (setting != NULL) return take_value(own, setting, value, err);
  if (mesh_config_is_section(own->config, path)) return take_section(own, path, value, err);
  write_place(own, key->start_mark, place);
  return mesh_config_fail_unknown(own->config, path, place, err);
}

// The recursion is as deep as settings are: an unknown key ends it, an alias of itself is one.
static mesh_code take_section(reader *own, const char *section, const yaml_node_t *node,
                              mesh_error *err) {
  if (is_null(node)) return GRPC_STATUS_OK;
  if (node->type != YAML_MAPPING_NODE) {
    return refuse(own, node, section, "keys with values are expected", err);
  }
  mesh_code code = GRPC_STATUS_OK;
  const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
  for (; pair < node->data.mapping.pairs.top && code == GRPC_STATUS_OK; pair++)
    code = take_pair(own, section, pair, err);
  return code;
}

// Why there is no document.
static mesh_code fail_parse(const reader *own, const yaml_parser_t *parser, mesh_error *err) {
  const char *problem = parser->problem != NULL ? parser->problem : "no YAML";
  if (parser->error == YAML_READER_ERROR) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%.*s: byte %zu: %s",
                     MESH_TEXT_SHOWN(own->path, FILE_SHOWN), parser->problem_offset, problem);
  }
  char place[PLACE_MAX];
  write_place(own, parser->problem_mark, place);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: %s", place, problem);
}

// Reads the next document; *found is false after the last.
static mesh_code read_document(mesh_config *config, const char *path, yaml_parser_t *parser,
                               bool *found, mesh_error *err) {
  yaml_document_t document;
  reader own = {config, path, &document};
  if (!yaml_parser_load(parser, &document)) return fail_parse(&own, parser, err);
  const yaml_node_t *root = yaml_document_get_root_node(&document);
  mesh_code code = GRPC_STATUS_OK;
  if (root != NULL && *found) code = refuse(&own, root, "", "a second document", err);
  if (root != NULL && !*found) code = take_section(&own, "", root, err);
  *found = root != NULL;
  yaml_document_delete(&document);
  return code;
}

// Token by token, before anything is built: what costs more than its size ends it where it begins.
// What is no YAML is left for the parser to say.
static mesh_code check_bounds(const reader *own, const uint8_t *text, size_t size,
                              mesh_error *err) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) abort();
  yaml_parser_set_input_string(&parser, text, size);
  int depth = 0, anchors = 0;
  bool over = false;
  yaml_mark_t at = {0};
  while (!over && depth <= DEPTH_MAX && anchors <= ANCHORS_MAX) {
    yaml_token_t token;
    if (!yaml_parser_scan(&parser, &token)) break;
    yaml_token_type_t type = token.type;
    over = type == YAML_STREAM_END_TOKEN;
    at = token.start_mark;
    anchors += type == YAML_ANCHOR_TOKEN;
    depth += type == YAML_BLOCK_SEQUENCE_START_TOKEN || type == YAML_BLOCK_MAPPING_START_TOKEN ||
             type == YAML_FLOW_SEQUENCE_START_TOKEN || type == YAML_FLOW_MAPPING_START_TOKEN;
    depth -= type == YAML_BLOCK_END_TOKEN || type == YAML_FLOW_SEQUENCE_END_TOKEN ||
             type == YAML_FLOW_MAPPING_END_TOKEN;
    yaml_token_delete(&token);
  }
  yaml_parser_delete(&parser);
  if (depth <= DEPTH_MAX && anchors <= ANCHORS_MAX) return GRPC_STATUS_OK;
  char place[PLACE_MAX];
  write_place(own, at, place);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: more than %d %s", place,
                   depth > DEPTH_MAX ? DEPTH_MAX : ANCHORS_MAX,
                   depth > DEPTH_MAX ? "lists and mappings within each other" : "anchors (&)");
}

static mesh_code read_text(mesh_config *config, const char *path, const uint8_t *text, size_t size,
                           mesh_error *err) {
  reader own = {config, path, NULL};
  mesh_code code = check_bounds(&own, text, size, err);
  if (code != GRPC_STATUS_OK) return code;
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) abort();
  yaml_parser_set_input_string(&parser, text, size);
  bool found = false;
  code = read_document(config, path, &parser, &found, err);
  while (code == GRPC_STATUS_OK && found)
    code = read_document(config, path, &parser, &found, err);
  yaml_parser_delete(&parser);
  return code;
}

mesh_code mesh_config_load_yaml(mesh_config *config, const char *path, mesh_error *err) {
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    mesh_code code = errno == EACCES ? GRPC_STATUS_PERMISSION_DENIED : GRPC_STATUS_NOT_FOUND;
    return mesh_fail(err, code, "%.*s: %s", MESH_TEXT_SHOWN(path, FILE_SHOWN), strerror(errno));
  }
  uint8_t *text = malloc(FILE_MAX_BYTES + 1);
  if (text == NULL) abort();
  size_t size = fread(text, 1, FILE_MAX_BYTES + 1, file);
  mesh_code code;
  config->files++;
  if (ferror(file)) {
    code = mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%.*s: %s",
                     MESH_TEXT_SHOWN(path, FILE_SHOWN), strerror(errno));
  } else if (size > FILE_MAX_BYTES) {
    code = mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "%.*s: more than %d KiB: no file of settings is that long",
                     MESH_TEXT_SHOWN(path, FILE_SHOWN), FILE_MAX_BYTES >> 10);
  } else {
    code = read_text(config, path, text, size, err);
  }
  free(text);
  fclose(file);
  return code;
}
