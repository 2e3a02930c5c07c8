#include "mesh/rpc/reflection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "mesh/rpc/message.h"

// v1 and v1alpha are the same messages under two package names: one implementation, in v1's types,
// serves both.

enum { SERVICES_MAX = 64, FILES_MAX = 64, EXTENSIONS_MAX = 64 };

typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

struct mesh_reflection {
  const mesh_schema *schema;
  char *names[SERVICES_MAX];  // owned
  size_t count;
  mesh_service services[2];
};

void mesh_reflection_list(mesh_reflection *reflection, const char *name) {
  assert(reflection->count < SERVICES_MAX);
  char *copy = strdup(name);
  if (copy == NULL) abort();
  reflection->names[reflection->count++] = copy;
}

static mesh_code send_response(mesh_call *call, const response_message *response, mesh_error *err) {
  return mesh_message_send(call, &response->base, err);
}

static mesh_code answer_not_found(mesh_call *call, response_message *response, const char *what,
                                  mesh_error *err) {
  Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
  mesh_error text;
  error.error_code = (int32_t)mesh_fail(&text, GRPC_STATUS_NOT_FOUND, "not found: %s", what);
  error.error_message = text.message;
  response->message_response_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
  response->error_response = &error;
  return send_response(call, response, err);
}

// Adds a file and all that it imports, each once. Imports form no circle, so the recursion ends.
static void collect_files(const mesh_schema *schema, const char *file, const char **files,
                          size_t *count) {
  for (size_t i = 0; i < *count; i++) {
    if (strcmp(files[i], file) == 0) return;
  }
  assert(*count < FILES_MAX);
  files[(*count)++] = file;
  const char *import;
  for (size_t i = 0; (import = mesh_schema_import(schema, file, i)) != NULL; i++) {
    collect_files(schema, import, files, count);
  }
}

// `file` and its imports, or NOT_FOUND for `what` where `file` is NULL or unknown.
static mesh_code answer_file(mesh_reflection *reflection, mesh_call *call,
                             response_message *response, const char *file, const char *what,
                             mesh_error *err) {
  mesh_view bytes;
  if (file == NULL || !mesh_schema_file(reflection->schema, file, &bytes)) {
    return answer_not_found(call, response, what, err);
  }
  const char *files[FILES_MAX];
  ProtobufCBinaryData protos[FILES_MAX];
  size_t count = 0;
  collect_files(reflection->schema, file, files, &count);
  for (size_t i = 0; i < count; i++) {
    mesh_schema_file(reflection->schema, files[i], &bytes);
    protos[i] = (ProtobufCBinaryData){bytes.size_bytes, (uint8_t *)bytes.data};
  }
  Grpc__Reflection__V1__FileDescriptorResponse found =
      GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
  found.n_file_descriptor_proto = count;
  found.file_descriptor_proto = protos;
  response->message_response_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
  response->file_descriptor_response = &found;
  return send_response(call, response, err);
}

static mesh_code answer_services(mesh_reflection *reflection, mesh_call *call,
                                 response_message *response, mesh_error *err) {
  Grpc__Reflection__V1__ServiceResponse services[SERVICES_MAX];
  Grpc__Reflection__V1__ServiceResponse *pointers[SERVICES_MAX];
  for (size_t i = 0; i < reflection->count; i++) {
    grpc__reflection__v1__service_response__init(&services[i]);
    services[i].name = reflection->names[i];
    pointers[i] = &services[i];
  }
  Grpc__Reflection__V1__ListServiceResponse all = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
  all.n_service = reflection->count;
  all.service = pointers;
  response->message_response_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
  response->list_services_response = &all;
  return send_response(call, response, err);
}

static mesh_code answer_extensions(mesh_reflection *reflection, mesh_call *call,
                                   response_message *response, const char *type, mesh_error *err) {
  int32_t numbers[EXTENSIONS_MAX];
  int count = mesh_schema_extensions(reflection->schema, type, numbers, EXTENSIONS_MAX);
  if (count < 0) return answer_not_found(call, response, type, err);
  Grpc__Reflection__V1__ExtensionNumberResponse found =
      GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
  found.base_type_name = (char *)type;
  found.n_extension_number = count < EXTENSIONS_MAX ? (size_t)count : EXTENSIONS_MAX;
  found.extension_number = numbers;
  response->message_response_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
  response->all_extension_numbers_response = &found;
  return send_response(call, response, err);
}

#define ASKS(kind) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##kind

static mesh_code answer(mesh_reflection *reflection, mesh_call *call, request_message *request,
                        mesh_error *err) {
  const mesh_schema *schema = reflection->schema;
  response_message response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
  response.valid_host = request->host;
  response.original_request = request;
  switch (request->message_request_case) {
    case ASKS(FILE_BY_FILENAME):
      return answer_file(reflection, call, &response, request->file_by_filename,
                         request->file_by_filename, err);
    case ASKS(FILE_CONTAINING_SYMBOL):
      return answer_file(reflection, call, &response,
                         mesh_schema_file_of_symbol(schema, request->file_containing_symbol),
                         request->file_containing_symbol, err);
    case ASKS(FILE_CONTAINING_EXTENSION): {
      const Grpc__Reflection__V1__ExtensionRequest *asked = request->file_containing_extension;
      return answer_file(
          reflection, call, &response,
          mesh_schema_file_of_extension(schema, asked->containing_type, asked->extension_number),
          asked->containing_type, err);
    }
    case ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE):
      return answer_extensions(reflection, call, &response, request->all_extension_numbers_of_type,
                               err);
    case ASKS(LIST_SERVICES):
      return answer_services(reflection, call, &response, err);
    default:
      return answer_not_found(call, &response, "a request without a question", err);
  }
}

static mesh_code info(mesh_call *call, mesh_frame none, void *self, mesh_error *err) {
  (void)none;
  for (;;) {
    mesh_frame frame;
    mesh_code code = mesh_call_receive(call, &frame, err);
    if (code != GRPC_STATUS_OK || frame.end) return code;
    request_message *request = mesh_message_unpack(
        &grpc__reflection__v1__server_reflection_request__descriptor, frame.data, frame.size_bytes);
    if (request == NULL) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "the request is no ServerReflectionRequest");
    }
    code = answer(self, call, request, err);
    grpc__reflection__v1__server_reflection_request__free_unpacked(request, NULL);
    if (code != GRPC_STATUS_OK) return code;
  }
}

mesh_reflection *mesh_reflection_create(const mesh_schema *schema) {
  static const mesh_method methods[] = {
      {.name = "ServerReflectionInfo", .run = info, .streams_requests = true}};
  mesh_reflection *reflection = calloc(1, sizeof *reflection);
  if (reflection == NULL) abort();
  reflection->schema = schema;
  reflection->services[0] =
      (mesh_service){"grpc.reflection.v1.ServerReflection", methods, 1, reflection};
  reflection->services[1] =
      (mesh_service){"grpc.reflection.v1alpha.ServerReflection", methods, 1, reflection};
  return reflection;
}

void mesh_reflection_destroy(mesh_reflection *reflection) {
  if (reflection == NULL) return;
  for (size_t i = 0; i < reflection->count; i++)
    free(reflection->names[i]);
  free(reflection);
}

const mesh_service *mesh_reflection_service(mesh_reflection *reflection, int index) {
  return &reflection->services[index];
}
