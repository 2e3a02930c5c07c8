#include "backend/operations/longrunning_list.h"

#include <stdlib.h>

#include "backend/operations/filter.h"
#include "backend/operations/longrunning_message.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"

enum {
  PAGE_MAX = 1000,
  PAGE_BYTES = 2 << 20,  // gRPC clients take 4 MiB unless they are told otherwise
};

typedef struct page {
  Google__Longrunning__Operation **operations;  // owned
  size_t count, capacity, size_bytes;
  bool more;
} page;

static mesh_code add(void *arg, const Millrace__V1__Operation *operation, mesh_error *err) {
  (void)err;
  page *own = arg;
  if (own->count == own->capacity || own->size_bytes >= PAGE_BYTES) own->more = true;
  if (own->more) return GRPC_STATUS_OK;
  Google__Longrunning__Operation *message = longrunning_message_of(operation);
  own->size_bytes += google__longrunning__operation__get_packed_size(message);
  own->operations[own->count++] = message;
  return GRPC_STATUS_OK;
}

static mesh_code send_page(const page *own, mesh_call *call, mesh_error *err) {
  Google__Longrunning__ListOperationsResponse response =
      GOOGLE__LONGRUNNING__LIST_OPERATIONS_RESPONSE__INIT;
  response.n_operations = own->count;
  response.operations = own->operations;
  if (own->more) response.next_page_token = own->operations[own->count - 1]->name;
  return mesh_message_send(call, &response.base, err);
}

static mesh_code fill_page(const operations_directory *directory, operation_filter *filter,
                           const char *token, page *own, mesh_error *err) {
  filter->filter.after = token;
  filter->filter.limit = (int)own->capacity + 1;  // whether there is one more
  mesh_code code = operations_directory_list(directory, &filter->filter, add, own, err);
  // The only name that a list can miss is the token.
  if (code != GRPC_STATUS_NOT_FOUND) return code;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "page_token '%.*s' is not known (any more)",
                   MESH_TEXT_SHOWN(token, 80));
}

mesh_code longrunning_list(const operations_directory *directory,
                           const Google__Longrunning__ListOperationsRequest *request,
                           mesh_call *call, mesh_error *err) {
  int size = request->page_size == 0 ? OPERATION_FILTER_LIMIT : request->page_size;
  if (size < 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "page_size is %d: at least 0, please",
                     size);
  }
  page own = {.capacity = size > PAGE_MAX ? PAGE_MAX : (size_t)size};
  own.operations = calloc(own.capacity, sizeof *own.operations);
  if (own.operations == NULL) abort();
  operation_filter filter;
  mesh_code code = operation_filter_parse(&filter, request->filter, err);
  if (code == GRPC_STATUS_OK) code = fill_page(directory, &filter, request->page_token, &own, err);
  if (code == GRPC_STATUS_OK) code = send_page(&own, call, err);
  for (size_t i = 0; i < own.count; i++)
    google__longrunning__operation__free_unpacked(own.operations[i], NULL);
  free(own.operations);
  operation_filter_fini(&filter);
  return code;
}
