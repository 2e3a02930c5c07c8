#include "host/training/strategy/tree.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "host/training/strategy/bounds.h"
#include "mesh/program/closest.h"
#include "mesh/runtime/text.h"

enum { DEPTH_MAX = 12, NODES_MAX = 100000, NODE_COST = 64, FILE_SHOWN = 160, PIECE = 4096 };

struct strategy_tree {
  char *file;
  strategy_node root;
};

typedef struct reader {
  strategy_tree *tree;
  const mesh_schema *schema;
  yaml_document_t *document;
  train_stop *stop;
  size_t done;
  int nodes;       // so far: aliases of aliases must not fill the memory, nor the time
  mesh_view text;  // what the parser has not been given yet
} reader;

#define TYPE(name) "millrace.v1.Strategy." name

// A message that takes keys of the user's own.
static const struct open_message {
  const char *type;
  mesh_field_info rest;  // what such a key holds
} open_messages[] = {
    {TYPE("FuzzySet"), {.kind = MESH_FIELD_MESSAGE, .type = TYPE("Membership")}},
    {TYPE("Indicator"), {.kind = MESH_FIELD_NUMBER}},
};

// A message that can be written as the value of one of its fields.
static const struct short_form {
  const char *type;
  yaml_node_type_t written;
  const char *field;
} short_forms[] = {
    {TYPE("Membership"), YAML_SEQUENCE_NODE, "parameters"},
    {TYPE("Scheduler"), YAML_SCALAR_NODE, "type"},
};

// ---- errors ----

static mesh_code refuse_at(const strategy_tree *tree, int line, int column, mesh_error *err,
                           const char *format, va_list args) {
  char text[MESH_ERROR_MESSAGE_MAX];
  mesh_text_vformat(text, sizeof text, format, args);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%.*s:%d:%d: %s",
                   MESH_TEXT_SHOWN(tree->file, FILE_SHOWN), line, column, text);
}

mesh_code strategy_refuse(const strategy_tree *tree, const strategy_node *node, mesh_error *err,
                          const char *format, ...) {
  va_list args;
  va_start(args, format);
  mesh_code code = refuse_at(tree, node == NULL ? 1 : node->line, node == NULL ? 1 : node->column,
                             err, format, args);
  va_end(args);
  return code;
}

MESH_PRINTF(4, 5)
static mesh_code refuse(const reader *own, const yaml_node_t *node, mesh_error *err,
                        const char *format, ...) {
  va_list args;
  va_start(args, format);
  mesh_code code = refuse_at(own->tree, (int)node->start_mark.line + 1,
                             (int)node->start_mark.column + 1, err, format, args);
  va_end(args);
  return code;
}

// ---- the message ----

static bool find_field(const reader *own, const char *type, const char *name,
                       mesh_field_info *out) {
  for (size_t i = 0; mesh_schema_field(own->schema, type, i, out); i++) {
    if (strcmp(out->name, name) == 0) return true;
  }
  return false;
}

static const mesh_field_info *rest_of(const char *type) {
  for (size_t i = 0; i < sizeof open_messages / sizeof *open_messages; i++) {
    if (strcmp(open_messages[i].type, type) == 0) return &open_messages[i].rest;
  }
  return NULL;
}

static const char *short_field(const char *type, yaml_node_type_t written) {
  for (size_t i = 0; i < sizeof short_forms / sizeof *short_forms; i++) {
    const struct short_form *form = &short_forms[i];
    if (strcmp(form->type, type) == 0 && form->written == written) return form->field;
  }
  return NULL;
}

static mesh_code refuse_unknown(const reader *own, const char *type, const yaml_node_t *key,
                                mesh_error *err) {
  const char *name = (const char *)key->data.scalar.value;
  const char *names[32];
  size_t count = 0;
  mesh_field_info field;
  for (size_t i = 0; count < 32 && mesh_schema_field(own->schema, type, i, &field); i++)
    names[count++] = field.name;
  const char *closest = mesh_closest(name, names, count);
  if (closest == NULL) return refuse(own, key, err, "%s: unknown key", name);
  return refuse(own, key, err, "%s: unknown key; did you mean %s?", name, closest);
}

// ---- values ----

static mesh_code take_number(const reader *own, const yaml_node_t *node,
                             const mesh_field_info *field, strategy_node *out, mesh_error *err) {
  char *end;
  errno = 0;
  out->number = strtod(out->text, &end);
  bool whole = field->kind == MESH_FIELD_INTEGER;
  if (end == out->text || *end != '\0' || !isfinite(out->number) || errno == ERANGE) {
    return refuse(own, node, err, "%s: '%s' is no %s", out->key, out->text,
                  whole ? "whole number" : "number");
  }
  if (!whole) return GRPC_STATUS_OK;
  if (floor(out->number) != out->number) {
    return refuse(own, node, err, "%s: %s is no whole number", out->key, out->text);
  }
  if (out->number >= (double)field->least && out->number <= (double)field->most)
    return GRPC_STATUS_OK;
  return refuse(own, node, err, "%s: %s is out of range", out->key, out->text);
}

static mesh_code take_bool(const reader *own, const yaml_node_t *node, strategy_node *out,
                           mesh_error *err) {
  static const char *const words[] = {"false", "no", "off", "true", "yes", "on"};
  for (size_t i = 0; i < 6; i++) {
    if (strcasecmp(words[i], out->text) != 0) continue;
    out->number = i >= 3;
    return GRPC_STATUS_OK;
  }
  return refuse(own, node, err, "%s: '%s' is neither true nor false", out->key, out->text);
}

static mesh_code take_choice(const reader *own, const yaml_node_t *node,
                             const mesh_field_info *field, strategy_node *out, mesh_error *err) {
  char all[256] = "";
  for (size_t i = 0;; i++) {
    const char *name = mesh_schema_choice(own->schema, field->type, i);
    if (name == NULL) break;
    if (strcmp(name, "UNSET") == 0 || strcmp(name, "BY_LABELS") == 0) continue;
    if (strcasecmp(name, out->text) == 0) {
      out->number = (double)i;
      return GRPC_STATUS_OK;
    }
    mesh_text_append(all, sizeof all, "%s%s", all[0] != '\0' ? ", " : "", name);
  }
  for (char *at = all; *at != '\0'; at++)
    *at = (char)tolower((unsigned char)*at);
  return refuse(own, node, err, "%s: '%s' is none of %s", out->key, out->text, all);
}

static mesh_code take_value(const reader *own, const yaml_node_t *node,
                            const mesh_field_info *field, strategy_node *out, mesh_error *err) {
  if (node->type != YAML_SCALAR_NODE) {
    return refuse(own, node, err, "%s: one value is expected", out->key);
  }
  const char *text = (const char *)node->data.scalar.value;
  if (strlen(text) != node->data.scalar.length) {
    return refuse(own, node, err, "%s: a NUL byte cannot be in a value", out->key);
  }
  out->shape = STRATEGY_VALUE;
  free((void *)out->text);
  out->text = strdup(text);
  if (out->text == NULL) abort();
  switch (field->kind) {
    case MESH_FIELD_NUMBER:
    case MESH_FIELD_INTEGER:
      return take_number(own, node, field, out, err);
    case MESH_FIELD_BOOL:
      return take_bool(own, node, out, err);
    case MESH_FIELD_CHOICE:
      return take_choice(own, node, field, out, err);
    default:
      return GRPC_STATUS_OK;
  }
}

// ---- the tree ----

static mesh_code take_field(reader *own, int node, const mesh_field_info *field, int depth,
                            strategy_node *out, mesh_error *err);

// Before `count` pairs or items of `node` are looked at: room for that many children. Those that
// are left out (null) count too: an alias could name them again and again.
static mesh_code begin_children(reader *own, const yaml_node_t *node, size_t count,
                                strategy_node *parent, mesh_error *err) {
  if (count > (size_t)(NODES_MAX - own->nodes)) {
    return refuse(own, node, err, "more than %d values", NODES_MAX);
  }
  own->nodes += (int)count;
  parent->children = calloc(count + 1, sizeof *parent->children);
  if (parent->children == NULL) abort();
  return train_goes_on(own->stop, &own->done, NODE_COST * (count + 1))
             ? GRPC_STATUS_OK
             : train_stop_check(own->stop, err);
}

// Adds a child that is at `node`.
static strategy_node *add_child(const yaml_node_t *node, const char *key, strategy_node *parent) {
  strategy_node *out = &parent->children[parent->count++];
  *out = (strategy_node){.key = strdup(key),
                         .text = strdup(""),
                         .line = (int)node->start_mark.line + 1,
                         .column = (int)node->start_mark.column + 1};
  if (out->key == NULL || out->text == NULL) abort();
  return out;
}

static bool is_null(const yaml_node_t *node) {
  if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
    return false;
  const char *text = (const char *)node->data.scalar.value;
  return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

// ---- keys ----

typedef struct key {
  const yaml_node_t *node;
  const char *name;
} key;

static int compare_keys(const void *left, const void *right) {
  const key *a = left, *b = right;
  int order = strcmp(a->name, b->name);
  if (order != 0) return order;
  return a->node->start_mark.index < b->node->start_mark.index ? -1 : 1;
}

static mesh_code list_keys(const reader *own, const yaml_node_t *node, key *keys, mesh_error *err) {
  const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
  for (; pair < node->data.mapping.pairs.top; pair++, keys++) {
    keys->node = yaml_document_get_node(own->document, pair->key);
    if (keys->node->type != YAML_SCALAR_NODE || keys->node->data.scalar.length == 0) {
      return refuse(own, keys->node, err, "a word is expected as key");
    }
    keys->name = (const char *)keys->node->data.scalar.value;
    if (strlen(keys->name) != keys->node->data.scalar.length) {
      return refuse(own, keys->node, err, "a NUL byte cannot be in a key");
    }
  }
  return GRPC_STATUS_OK;
}

// The keys of a mapping are words, each there once. Of what is there twice the first one in the
// file is named.
static mesh_code check_keys(const reader *own, const yaml_node_t *node, mesh_error *err) {
  size_t count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
  key *keys = calloc(count + 1, sizeof *keys);
  if (keys == NULL) abort();
  mesh_code code = list_keys(own, node, keys, err);
  if (code == GRPC_STATUS_OK) qsort(keys, count, sizeof *keys, compare_keys);
  const key *twice = NULL;
  for (size_t i = 1; i < count && code == GRPC_STATUS_OK; i++) {
    if (strcmp(keys[i].name, keys[i - 1].name) != 0) continue;
    if (twice == NULL || keys[i].node->start_mark.index < twice->node->start_mark.index) {
      twice = &keys[i];
    }
  }
  if (twice != NULL) {
    code = refuse(own, twice->node, err, "%s: it is in line %zu already", twice->name,
                  twice[-1].node->start_mark.line + 1);
  }
  free(keys);
  return code;
}

static mesh_code begin_pairs(reader *own, const yaml_node_t *node, strategy_node *out,
                             mesh_error *err) {
  size_t count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
  mesh_code code = begin_children(own, node, count, out, err);
  return code == GRPC_STATUS_OK ? check_keys(own, node, err) : code;
}

// ---- mappings and lists ----

static mesh_code take_pair(reader *own, const yaml_node_pair_t *pair, const char *type, int depth,
                           strategy_node *out, mesh_error *err) {
  const yaml_node_t *key = yaml_document_get_node(own->document, pair->key);
  const char *name = (const char *)key->data.scalar.value;
  mesh_field_info field;
  if (!find_field(own, type, name, &field) || strcmp(name, "id") == 0) {
    const mesh_field_info *rest = rest_of(type);
    if (rest == NULL) return refuse_unknown(own, type, key, err);
    field = *rest;
  }
  const yaml_node_t *value = yaml_document_get_node(own->document, pair->value);
  if (is_null(value)) return GRPC_STATUS_OK;  // as if it were not there
  return take_field(own, pair->value, &field, depth, add_child(value, name, out), err);
}

// A message that is written as the value of its field `only`.
static mesh_code take_short(reader *own, int index, const char *type, const char *only, int depth,
                            strategy_node *out, mesh_error *err) {
  const yaml_node_t *node = yaml_document_get_node(own->document, index);
  mesh_field_info field;
  if (!find_field(own, type, only, &field)) abort();  // our own table, and the schema has it
  mesh_code code = begin_children(own, node, 1, out, err);
  if (code != GRPC_STATUS_OK) return code;
  return take_field(own, index, &field, depth, add_child(node, only, out), err);
}

static mesh_code take_message(reader *own, int index, const char *type, int depth,
                              strategy_node *out, mesh_error *err) {
  const yaml_node_t *node = yaml_document_get_node(own->document, index);
  const char *only = short_field(type, node->type);
  out->shape = STRATEGY_MAP;
  if (only != NULL) return take_short(own, index, type, only, depth, out, err);
  if (node->type != YAML_MAPPING_NODE) {
    return refuse(own, node, err, "%s: keys with values are expected", out->key);
  }
  mesh_code code = begin_pairs(own, node, out, err);
  const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
  for (; pair < node->data.mapping.pairs.top && code == GRPC_STATUS_OK; pair++)
    code = take_pair(own, pair, type, depth, out, err);
  return code;
}

static mesh_code take_list(reader *own, int index, const mesh_field_info *field, int depth,
                           strategy_node *out, mesh_error *err) {
  const yaml_node_t *node = yaml_document_get_node(own->document, index);
  mesh_field_info one = *field;
  one.list = false;
  out->shape = STRATEGY_LIST;
  bool single = node->type == YAML_SCALAR_NODE;
  if (!single && node->type != YAML_SEQUENCE_NODE) {
    return refuse(own, node, err, "%s: a list is expected", out->key);
  }
  const yaml_node_item_t *item = single ? &index : node->data.sequence.items.start;
  const yaml_node_item_t *end = single ? item + 1 : node->data.sequence.items.top;
  mesh_code code = begin_children(own, node, (size_t)(end - item), out, err);
  for (; item < end && code == GRPC_STATUS_OK; item++) {
    const yaml_node_t *at = yaml_document_get_node(own->document, *item);
    code = take_field(own, *item, &one, depth, add_child(at, out->key, out), err);
  }
  return code;
}

// A mapping from ids to messages.
static mesh_code take_entries(reader *own, int index, const char *type, int depth,
                              strategy_node *out, mesh_error *err) {
  const yaml_node_t *node = yaml_document_get_node(own->document, index);
  out->shape = STRATEGY_MAP;
  if (node->type != YAML_MAPPING_NODE) {
    return refuse(own, node, err, "%s: names with their settings are expected", out->key);
  }
  mesh_code code = begin_pairs(own, node, out, err);
  const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
  for (; pair < node->data.mapping.pairs.top && code == GRPC_STATUS_OK; pair++) {
    const yaml_node_t *key = yaml_document_get_node(own->document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(own->document, pair->value);
    strategy_node *child = add_child(value, (const char *)key->data.scalar.value, out);
    code = take_message(own, pair->value, type, depth, child, err);
  }
  return code;
}

static mesh_code take_field(reader *own, int index, const mesh_field_info *field, int depth,
                            strategy_node *out, mesh_error *err) {
  const yaml_node_t *node = yaml_document_get_node(own->document, index);
  if (depth > DEPTH_MAX) return refuse(own, node, err, "%s: too deep", out->key);
  mesh_field_info id;
  bool entries =
      field->list && field->kind == MESH_FIELD_MESSAGE && find_field(own, field->type, "id", &id);
  if (entries) return take_entries(own, index, field->type, depth + 1, out, err);
  if (field->list) return take_list(own, index, field, depth + 1, out, err);
  if (field->kind == MESH_FIELD_MESSAGE) {
    return take_message(own, index, field->type, depth + 1, out, err);
  }
  return take_value(own, node, field, out, err);
}

// ---- the file ----

static mesh_code fail_parse(const strategy_tree *tree, const yaml_parser_t *parser,
                            mesh_error *err) {
  const char *problem = parser->problem != NULL ? parser->problem : "no YAML";
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%.*s:%zu:%zu: %s",
                   MESH_TEXT_SHOWN(tree->file, FILE_SHOWN), parser->problem_mark.line + 1,
                   parser->problem_mark.column + 1, problem);
}

// Hands out the text a piece at a time, and ends it once it was asked to stop.
static int give_text(void *arg, unsigned char *buffer, size_t capacity, size_t *size_read) {
  reader *own = arg;
  size_t size = own->text.size_bytes < PIECE ? own->text.size_bytes : PIECE;
  if (size > capacity) size = capacity;
  if (size > 0) memcpy(buffer, own->text.data, size);
  own->text.data += size;
  own->text.size_bytes -= size;
  *size_read = size;
  return !train_stopped(own->stop);
}

static mesh_code read_document(reader *own, const char *type, yaml_parser_t *parser,
                               mesh_error *err) {
  yaml_document_t document;
  own->document = &document;
  if (!yaml_parser_load(parser, &document)) {
    mesh_code stopped = train_stop_check(own->stop, err);
    return stopped != GRPC_STATUS_OK ? stopped : fail_parse(own->tree, parser, err);
  }
  mesh_code code;
  if (yaml_document_get_root_node(&document) == NULL) {
    code = strategy_refuse(own->tree, NULL, err, "the file is empty");
  } else {
    code = take_message(own, 1, type, 0, &own->tree->root, err);
  }
  yaml_document_delete(&document);
  return code;
}

// Behind a byte order mark, which libyaml would take for a column.
static mesh_view skip_mark(mesh_view text) {
  bool marked = text.size_bytes >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0;
  return marked ? (mesh_view){text.data + 3, text.size_bytes - 3} : text;
}

mesh_code strategy_tree_read(train_stop *stop, const mesh_schema *schema, const char *type,
                             const char *file, mesh_view text, strategy_tree **out,
                             mesh_error *err) {
  *out = NULL;
  text = skip_mark(text);
  mesh_code code = strategy_bounds_check(stop, file, text, NULL, err);
  if (code != GRPC_STATUS_OK) return code;
  strategy_tree *tree = calloc(1, sizeof *tree);
  if (tree == NULL) abort();
  tree->file = strdup(file);
  tree->root =
      (strategy_node){.key = strdup("the file"), .text = strdup(""), .line = 1, .column = 1};
  if (tree->file == NULL || tree->root.key == NULL || tree->root.text == NULL) abort();
  reader own = {.tree = tree, .schema = schema, .stop = stop, .text = text};
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) abort();
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input(&parser, give_text, &own);
  code = read_document(&own, type, &parser, err);
  yaml_parser_delete(&parser);
  if (code == GRPC_STATUS_OK) *out = tree;
  if (code != GRPC_STATUS_OK) strategy_tree_destroy(tree);
  return code;
}

static void clear_node(strategy_node *node) {
  for (size_t i = 0; i < node->count; i++)
    clear_node(&node->children[i]);
  free(node->children);
  free((void *)node->key);
  free((void *)node->text);
}

void strategy_tree_destroy(strategy_tree *tree) {
  if (tree == NULL) return;
  clear_node(&tree->root);
  free(tree->file);
  free(tree);
}

// ---- looking things up ----

const strategy_node *strategy_tree_root(const strategy_tree *tree) {
  return &tree->root;
}

static const strategy_node *child_of(const strategy_node *node, const char *key, size_t size) {
  for (size_t i = 0; i < node->count; i++) {
    const char *name = node->children[i].key;
    if (strlen(name) == size && memcmp(name, key, size) == 0) return &node->children[i];
  }
  return NULL;
}

const strategy_node *strategy_get(const strategy_node *node, const char *path) {
  while (node != NULL && *path != '\0') {
    size_t size = strcspn(path, ".");
    node = node->shape == STRATEGY_MAP ? child_of(node, path, size) : NULL;
    path += size + (path[size] == '.');
  }
  return node;
}

const char *strategy_text(const strategy_node *node, const char *path, const char *fallback) {
  const strategy_node *found = strategy_get(node, path);
  return found == NULL ? fallback : found->text;
}

double strategy_number(const strategy_node *node, const char *path, double fallback) {
  const strategy_node *found = strategy_get(node, path);
  return found == NULL ? fallback : found->number;
}
