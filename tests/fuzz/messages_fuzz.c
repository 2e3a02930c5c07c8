// Every message that a peer can send us, requests and hosts' answers alike: the first byte chooses
// the type, the rest are its bytes. What is taken can be packed and is taken again.
#include <stdbool.h>
#include <stdlib.h>

#include "google/longrunning/operations.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "mesh/rpc/pack.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/hosts.pb-c.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "millrace/v1/models.pb-c.h"
#include "millrace/v1/training_host.pb-c.h"
#include "tests/fuzz/target.h"

#define OURS(name) &millrace__v1__##name##__descriptor
#define LONGRUNNING(name) &google__longrunning__##name##__descriptor

// The order is the corpus's: new ones go to the end.
static const ProtobufCMessageDescriptor *const types[] = {
    OURS(host),
    OURS(host_status),
    OURS(training_host_status),
    OURS(operation_event),
    OURS(outcome),
    OURS(checkpoint),
    OURS(run_request),
    OURS(train_request),
    OURS(load_request),
    OURS(read_request),
    OURS(gaps_request),
    OURS(subscribe_request),
    OURS(search_request),
    OURS(list_series_request),
    OURS(list_operations_request),
    OURS(list_events_request),
    OURS(cancel_operation_request),
    OURS(watch_operation_request),
    OURS(drain_request),
    OURS(operation),
    OURS(accepted),
    OURS(segment_report),
    OURS(epoch_report),
    OURS(stopped),
    OURS(head_timestamp_response),
    OURS(contract),
    OURS(strategy_report),
    OURS(check_strategy_request),
    OURS(model),
    OURS(model_request),
    OURS(predict_request),
    OURS(fetch_model_request),
    OURS(file_chunk),
    OURS(signal),
    OURS(series),
    OURS(gap),
    OURS(fetch_bars_request),
    OURS(watch_bars_request),
    OURS(bar_batch),
    &google__rpc__status__descriptor,
    &google__rpc__error_info__descriptor,
    &google__rpc__retry_info__descriptor,
    LONGRUNNING(operation),
    LONGRUNNING(list_operations_request),
    LONGRUNNING(wait_operation_request),
    &grpc__health__v1__health_check_request__descriptor,
    &grpc__health__v1__health_list_response__descriptor,
    &grpc__reflection__v1__server_reflection_request__descriptor,
};

// protobuf-c's recursion has no bound but the types': none may contain itself, but for one that
// does so in a field of its own and is unpacked as such, where mesh_message_unpack() counts.
static void check_depth(const ProtobufCMessageDescriptor *type, int depth) {
  enum { DEEPEST = 8 };
  if (depth > DEEPEST) abort();
  for (unsigned i = 0; i < type->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    if (depth == 0 && field->descriptor == type) continue;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) check_depth(field->descriptor, depth + 1);
  }
}

static bool check_types(void) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    check_depth(types[i], 0);
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  static bool checked;
  checked = checked || check_types();
  if (size_bytes == 0) return 0;
  const ProtobufCMessageDescriptor *type = types[data[0] % (sizeof types / sizeof *types)];
  ProtobufCMessage *read = mesh_message_unpack(type, data + 1, size_bytes - 1);
  if (read == NULL) return 0;
  mesh_bytes bytes = mesh_message_pack(read);
  ProtobufCMessage *again = mesh_message_unpack(type, bytes.data, bytes.size_bytes);
  if (again == NULL) abort();
  protobuf_c_message_free_unpacked(again, NULL);
  free(bytes.data);
  protobuf_c_message_free_unpacked(read, NULL);
  return 0;
}
