#include "backend/operations/filter.h"

#include <stdlib.h>

#include "mesh/operation/labels.h"
#include "mesh/rpc/message.h"

static mesh_code take_labels(operation_filter *out,
                             const Millrace__V1__ListOperationsRequest *request, mesh_error *err) {
  const char *keys[MESH_LABELS_MAX + 1], *values[MESH_LABELS_MAX + 1];
  for (size_t i = 0; i < request->n_labels && i <= MESH_LABELS_MAX; i++) {
    keys[i] = request->labels[i]->key;
    values[i] = request->labels[i]->value;
  }
  mesh_code code = mesh_labels_make(keys, values, request->n_labels, &out->labels, err);
  out->filter.labels = out->labels;
  return code;
}

static mesh_code take_time(const char *field, const Google__Protobuf__Timestamp *time,
                           int64_t *out_ns, mesh_error *err) {
  if (time == NULL) return GRPC_STATUS_OK;
  mesh_code code = mesh_message_check_time(field, time->seconds, time->nanos, err);
  if (code == GRPC_STATUS_OK) *out_ns = mesh_time_join(time->seconds, time->nanos);
  return code;
}

static mesh_code take_window(operation_filter *out,
                             const Millrace__V1__ListOperationsRequest *request, mesh_error *err) {
  int64_t from_ns = 0, to_ns = 0;
  mesh_code code = take_time("created_from", request->created_from, &from_ns, err);
  if (code == GRPC_STATUS_OK) code = take_time("created_to", request->created_to, &to_ns, err);
  if (code != GRPC_STATUS_OK) return code;
  if (request->created_to != NULL && to_ns <= from_ns) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "created_to (%lld s) is not after created_from (%lld s)",
                     (long long)mesh_time_seconds(to_ns), (long long)mesh_time_seconds(from_ns));
  }
  out->filter.created_from_ns = from_ns;
  out->filter.created_to_ns = to_ns;
  return GRPC_STATUS_OK;
}

mesh_code operation_filter_init(operation_filter *out,
                                const Millrace__V1__ListOperationsRequest *request,
                                mesh_error *err) {
  *out = (operation_filter){.filter = {.kind = request->kind,
                                       .state = request->state,
                                       .after = request->after,
                                       .limit = OPERATION_FILTER_LIMIT}};
  if (request->limit < 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "limit is %d: at least 0, please",
                     request->limit);
  }
  if (request->limit > 0) out->filter.limit = request->limit;
  if (protobuf_c_enum_descriptor_get_value(&millrace__v1__operation_state__descriptor,
                                           (int)request->state) == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "state %d is not in OperationState",
                     (int)request->state);
  }
  mesh_code code = take_window(out, request, err);
  return code != GRPC_STATUS_OK ? code : take_labels(out, request, err);
}

void operation_filter_fini(operation_filter *filter) {
  free(filter->kind);
  free(filter->labels);
}
