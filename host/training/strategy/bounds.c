#include "host/training/strategy/bounds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "mesh/runtime/text.h"

enum { FILE_SHOWN = 160, TOKEN_COST = 256 };

typedef struct scanning {
  const char *file;
  strategy_scan *scan;
  bool begun, ended;  // the document: it has content; "..." was there
  mesh_error *err;
} scanning;

MESH_PRINTF(3, 4)
static mesh_code refuse(const scanning *own, const yaml_mark_t *at, const char *format, ...) {
  char text[MESH_ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  mesh_text_vformat(text, sizeof text, format, args);
  va_end(args);
  return mesh_fail(own->err, GRPC_STATUS_INVALID_ARGUMENT, "%.*s:%zu:%zu: %s",
                   MESH_TEXT_SHOWN(own->file, FILE_SHOWN), at->line + 1, at->column + 1, text);
}

// ---- the text ----

// Where byte `offset` is.
static yaml_mark_t mark_of(mesh_view text, size_t offset) {
  yaml_mark_t at = {0};
  for (size_t i = 0; i < offset; i++) {
    at.column++;
    if (text.data[i] != '\n') continue;
    at.line++;
    at.column = 0;
  }
  return at;
}

static mesh_code check_text(const scanning *own, mesh_view text) {
  yaml_mark_t begin = {0};
  if (text.size_bytes > STRATEGY_BYTES_MAX) {
    return refuse(own, &begin, "%zu bytes: a strategy has at most %d", text.size_bytes,
                  STRATEGY_BYTES_MAX);
  }
  size_t valid = mesh_text_valid_bytes((const char *)text.data, text.size_bytes);
  if (valid == text.size_bytes) return GRPC_STATUS_OK;
  yaml_mark_t at = mark_of(text, valid);
  return refuse(own, &at, "byte 0x%02x is no UTF-8", text.data[valid]);
}

// ---- the tokens ----

static mesh_code count(const scanning *own, const yaml_mark_t *at, size_t *number, size_t most,
                       const char *what) {
  if (++*number <= most) return GRPC_STATUS_OK;
  return refuse(own, at, "more than %zu %s", most, what);
}

static mesh_code deepen(const scanning *own, const yaml_mark_t *at) {
  if (++own->scan->depth <= STRATEGY_DEPTH_MAX) return GRPC_STATUS_OK;
  return refuse(own, at, "more than %d lists and mappings within each other", STRATEGY_DEPTH_MAX);
}

// Behind the document there are comments at most.
static mesh_code take_content(scanning *own, const yaml_mark_t *at) {
  own->begun = true;
  if (!own->ended) return GRPC_STATUS_OK;
  return refuse(own, at, "a second document: a strategy is one");
}

static mesh_code take_document(scanning *own, const yaml_mark_t *at) {
  if (!own->begun && !own->ended) {
    own->begun = true;
    return GRPC_STATUS_OK;
  }
  return refuse(own, at, "a second document: a strategy is one");
}

static mesh_code take_token(scanning *own, const yaml_token_t *token) {
  const yaml_mark_t *at = &token->start_mark;
  strategy_scan *scan = own->scan;
  switch (token->type) {
    case YAML_STREAM_START_TOKEN:
    case YAML_STREAM_END_TOKEN:
    case YAML_NO_TOKEN:
      return GRPC_STATUS_OK;
    case YAML_VERSION_DIRECTIVE_TOKEN:
    case YAML_TAG_DIRECTIVE_TOKEN:
      return refuse(own, at, "a directive (%%): a strategy needs none");
    case YAML_DOCUMENT_START_TOKEN:
      return take_document(own, at);
    case YAML_DOCUMENT_END_TOKEN:
      own->ended = true;
      return GRPC_STATUS_OK;
    case YAML_BLOCK_SEQUENCE_START_TOKEN:
    case YAML_BLOCK_MAPPING_START_TOKEN:
    case YAML_FLOW_SEQUENCE_START_TOKEN:
    case YAML_FLOW_MAPPING_START_TOKEN: {
      mesh_code code = take_content(own, at);
      return code == GRPC_STATUS_OK ? deepen(own, at) : code;
    }
    case YAML_BLOCK_END_TOKEN:
    case YAML_FLOW_SEQUENCE_END_TOKEN:
    case YAML_FLOW_MAPPING_END_TOKEN:
      scan->depth--;
      return GRPC_STATUS_OK;
    case YAML_ANCHOR_TOKEN:
      return count(own, at, &scan->anchors, STRATEGY_ANCHORS_MAX, "anchors (&)");
    case YAML_ALIAS_TOKEN:
      return count(own, at, &scan->aliases, STRATEGY_ALIASES_MAX, "aliases (*)");
    default:
      return take_content(own, at);
  }
}

static mesh_code fail_scan(const scanning *own, const yaml_parser_t *parser) {
  const char *problem = parser->problem != NULL ? parser->problem : "no YAML";
  // What the reader finds has no place of its own: the scanner has come as far as this.
  bool reads = parser->error == YAML_READER_ERROR;
  return refuse(own, reads ? &parser->mark : &parser->problem_mark, "%s", problem);
}

static mesh_code scan_tokens(scanning *own, yaml_parser_t *parser, train_stop *stop) {
  size_t done = 0;
  bool over = false;
  mesh_code code = GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK && !over) {
    yaml_token_t token;
    if (!yaml_parser_scan(parser, &token)) return fail_scan(own, parser);
    over = token.type == YAML_STREAM_END_TOKEN;
    code = count(own, &token.start_mark, &own->scan->tokens, STRATEGY_TOKENS_MAX,
                 "keys, values and signs");
    if (code == GRPC_STATUS_OK) code = take_token(own, &token);
    yaml_token_delete(&token);
    if (!train_goes_on(stop, &done, TOKEN_COST)) break;
  }
  return code == GRPC_STATUS_OK ? train_stop_check(stop, own->err) : code;
}

mesh_code strategy_bounds_check(train_stop *stop, const char *file, mesh_view text,
                                strategy_scan *scan, mesh_error *err) {
  strategy_scan ours;
  scanning own = {.file = file, .scan = scan == NULL ? &ours : scan, .err = err};
  *own.scan = (strategy_scan){0};
  mesh_code code = check_text(&own, text);
  if (code != GRPC_STATUS_OK) return code;
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) abort();
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, text.data, text.size_bytes);
  code = scan_tokens(&own, &parser, stop);
  yaml_parser_delete(&parser);
  return code;
}
