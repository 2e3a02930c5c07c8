// The filter of a standard list request: a few terms, joined by " AND ".
#include <stdlib.h>
#include <string.h>

#include "backend/operations/filter.h"
#include "mesh/operation/labels.h"

#define AND " AND "

typedef struct parser {
  operation_filter *out;
  char *keys[MESH_LABELS_MAX + 1], *values[MESH_LABELS_MAX + 1];  // owned
  size_t label_count;
  mesh_error *err;
} parser;

typedef struct term {
  const char *text;
  size_t size_bytes;
} term;

static mesh_code refuse(const parser *own, term bad, const char *why) {
  int shown = bad.size_bytes > 80 ? 80 : (int)bad.size_bytes;
  return mesh_fail(own->err, GRPC_STATUS_INVALID_ARGUMENT, "filter: '%.*s' %s", shown, bad.text,
                   why);
}

static char *copy_text(const char *text, size_t size_bytes) {
  char *copy = strndup(text, size_bytes);
  if (copy == NULL) abort();
  return copy;
}

static mesh_code take_state(parser *own, term whole, term value) {
  if (own->out->filter.state != 0) return refuse(own, whole, "is a second state");
  const ProtobufCEnumDescriptor *states = &millrace__v1__operation_state__descriptor;
  for (unsigned i = 0; i < states->n_values; i++) {
    const ProtobufCEnumValue *each = &states->values[i];
    if (each->value == 0 || strlen(each->name) != value.size_bytes) continue;
    if (memcmp(each->name, value.text, value.size_bytes) != 0) continue;
    own->out->filter.state = (Millrace__V1__OperationState)each->value;
    return GRPC_STATUS_OK;
  }
  return refuse(own, whole, "is none of RUNNING, CANCELLING, SUCCEEDED, FAILED, CANCELLED");
}

static mesh_code take_kind(parser *own, term whole, term value) {
  if (own->out->kind != NULL) return refuse(own, whole, "is a second kind");
  own->out->kind = copy_text(value.text, value.size_bytes);
  own->out->filter.kind = own->out->kind;
  // "kind=load OR kind=fetch" must not look for a kind of that name.
  if (value.size_bytes == 0 || strpbrk(own->out->kind, " =") != NULL)
    return refuse(own, whole, "names no kind");
  return GRPC_STATUS_OK;
}

// `value` is "KEY=VALUE" here.
static mesh_code take_label(parser *own, term whole, term value) {
  const char *equals = memchr(value.text, '=', value.size_bytes);
  if (equals == NULL) return refuse(own, whole, "has no value");
  if (own->label_count == MESH_LABELS_MAX) return refuse(own, whole, "is one label too many");
  size_t key_size = (size_t)(equals - value.text);
  own->keys[own->label_count] = copy_text(value.text, key_size);
  own->values[own->label_count++] = copy_text(equals + 1, value.size_bytes - key_size - 1);
  return GRPC_STATUS_OK;
}

static mesh_code take_term(parser *own, term whole) {
  static const struct {
    const char *begin;
    mesh_code (*take)(parser *own, term whole, term value);
  } takers[] = {{"state=", take_state}, {"kind=", take_kind}, {"labels.", take_label}};
  for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
    size_t size = strlen(takers[i].begin);
    if (whole.size_bytes < size || memcmp(whole.text, takers[i].begin, size) != 0) continue;
    return takers[i].take(own, whole, (term){whole.text + size, whole.size_bytes - size});
  }
  return refuse(own, whole, "is none of state=, kind=, labels.KEY=");
}

static mesh_code take_terms(parser *own, const char *text) {
  while (true) {
    const char *and = strstr(text, AND);
    size_t size = and == NULL ? strlen(text) : (size_t)(and-text);
    mesh_code code = take_term(own, (term){text, size});
    if (code != GRPC_STATUS_OK || and == NULL) return code;
    text = and+strlen(AND);
  }
}

mesh_code operation_filter_parse(operation_filter *out, const char *text, mesh_error *err) {
  *out = (operation_filter){.filter = {.limit = OPERATION_FILTER_LIMIT}};
  if (text[0] == '\0') return GRPC_STATUS_OK;
  parser own = {.out = out, .err = err};
  mesh_code code = take_terms(&own, text);
  if (code == GRPC_STATUS_OK) {
    code = mesh_labels_make((const char *const *)own.keys, (const char *const *)own.values,
                            own.label_count, &out->labels, err);
    out->filter.labels = out->labels;
  }
  for (size_t i = 0; i < own.label_count; i++) {
    free(own.keys[i]);
    free(own.values[i]);
  }
  return code;
}
