#include "cli/commands/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "mesh/program/closest.h"
#include "mesh/runtime/text.h"

enum { METHOD_MAX = 256, METHODS_MAX = 256, INPUT_CHUNK = 4096 };

static const char package[] = "millrace.v1.";

// ---- which method ----

// "DataService/Load" and "millrace.v1.DataService.Load" become "/millrace.v1.DataService/Load".
static void spell_out(const char *given, char out[METHOD_MAX]) {
  if (given[0] == '/') given++;
  const char *slash = strchr(given, '/');
  const char *dot = memchr(given, '.', slash != NULL ? (size_t)(slash - given) : strlen(given));
  bool bare = slash != NULL ? dot == NULL : dot != NULL && strchr(dot + 1, '.') == NULL;
  mesh_text_format(out, METHOD_MAX, "/%s%.*s", bare ? package : "", MESH_TEXT_SHOWN(given, 200));
  if (slash != NULL) return;
  char *last = strrchr(out, '.');
  if (last != NULL) *last = '/';
}

// `method` has a slash in front of it and of its last word; the schema's names have dots.
static mesh_code fail_unknown(client *own, const char *method, mesh_error *err) {
  char dotted[METHOD_MAX], *slash;
  mesh_text_copy(dotted, sizeof dotted, method + 1);
  while ((slash = strchr(dotted, '/')) != NULL)
    *slash = '.';
  const char *names[METHODS_MAX];
  size_t count = 0;
  const mesh_schema *schema = client_schema(own);
  while (count < METHODS_MAX && (names[count] = mesh_schema_method_name(schema, count)) != NULL)
    count++;
  const char *near = mesh_closest(dotted, names, count);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unknown method %s%s%s%s", method + 1,
                   near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
                   near == NULL ? "" : "?");
}

// ---- what to send ----

static char *read_all(FILE *file) {
  char *text = NULL;
  size_t size = 0;
  for (size_t got = 1; got > 0; size += got) {
    text = realloc(text, size + INPUT_CHUNK + 1);
    if (text == NULL) abort();
    got = fread(text + size, 1, INPUT_CHUNK, file);
  }
  text[size] = '\0';
  return text;
}

static mesh_code make_request(client *own, const char *type, mesh_frame *out, uint8_t **bytes,
                              mesh_error *err) {
  const char *given = own->given->word_count > 1 ? own->given->words[1] : "{}";
  char *input = strcmp(given, "-") == 0 ? read_all(stdin) : NULL;
  mesh_code code = mesh_schema_from_json(client_schema(own), type, input != NULL ? input : given,
                                         bytes, &out->size_bytes, err);
  out->data = *bytes;
  free(input);
  return code;
}

// ---- the call ----

static mesh_code open_call(client *own, mesh_link *link, const char *method,
                           const mesh_method_info *info, mesh_frame request, mesh_call **out,
                           mesh_error *err) {
  if (!info->streams_requests) {
    return mesh_call_open(&own->scope, link, method, request, NULL, out, err);
  }
  mesh_code code = mesh_call_open_stream(&own->scope, link, method, NULL, out, err);
  if (code == GRPC_STATUS_OK) code = mesh_call_send(*out, request, err);
  return code == GRPC_STATUS_OK ? mesh_call_send_end(*out, err) : code;
}

static mesh_code print_replies(client *own, mesh_call *call, const char *type, mesh_error *err) {
  for (;;) {
    mesh_frame frame;
    mesh_code code = mesh_call_receive(call, &frame, err);
    if (code != GRPC_STATUS_OK || frame.end) return code;
    code = client_print_json(own, type, (mesh_view){frame.data, frame.size_bytes}, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

static mesh_code call_method(client *own, mesh_link *link, const char *method, mesh_error *err) {
  mesh_method_info info;
  if (mesh_schema_method(client_schema(own), method, &info, err) != GRPC_STATUS_OK) {
    return fail_unknown(own, method, err);
  }
  mesh_frame request = {0};
  uint8_t *bytes = NULL;
  mesh_call *call = NULL;
  mesh_code code = make_request(own, info.input_type, &request, &bytes, err);
  if (code == GRPC_STATUS_OK) code = open_call(own, link, method, &info, request, &call, err);
  if (code == GRPC_STATUS_OK) code = print_replies(own, call, info.output_type, err);
  mesh_call_close(call);
  free(bytes);
  return code;
}

static mesh_code run(client *own, mesh_error *err) {
  char method[METHOD_MAX];
  spell_out(own->given->words[0], method);
  const char *address = args_get(own->given, "address");
  if (address == NULL) return call_method(own, own->backend, method, err);
  mesh_link *link;
  mesh_code code = mesh_link_open(own->loop, "server", address, &link, err);
  if (code != GRPC_STATUS_OK) return code;
  code = call_method(own, link, method, err);
  mesh_link_close(link);
  return code;
}

int cmd_call(const command *self, const args *given) {
  return client_main(self, given, run);
}
