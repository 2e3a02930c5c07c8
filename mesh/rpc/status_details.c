#include "mesh/rpc/status_details.h"

#include <stdio.h>
#include <string.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

#define ERROR_INFO_URL "type.googleapis.com/google.rpc.ErrorInfo"
#define RETRY_INFO_URL "type.googleapis.com/google.rpc.RetryInfo"

enum { DETAIL_MAX = 256 };  // bytes of one packed detail: two short strings, or a duration

static void pack_error_info(mesh_error *err, uint8_t *bytes, Google__Protobuf__Any *any) {
  Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
  info.reason = err->reason;
  info.domain = err->domain;
  any->type_url = ERROR_INFO_URL;
  any->value = (ProtobufCBinaryData){google__rpc__error_info__pack(&info, bytes), bytes};
}

static void pack_retry_info(const mesh_error *err, uint8_t *bytes, Google__Protobuf__Any *any) {
  Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
  delay.seconds = err->retry_after_ms / 1000;
  delay.nanos = (int32_t)(err->retry_after_ms % 1000) * 1000000;
  Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
  info.retry_delay = &delay;
  any->type_url = RETRY_INFO_URL;
  any->value = (ProtobufCBinaryData){google__rpc__retry_info__pack(&info, bytes), bytes};
}

void mesh_error_encode_details(mesh_error *err) {
  if (err->details_size > 0 || (err->reason[0] == '\0' && err->retry_after_ms <= 0)) return;

  uint8_t bytes[2][DETAIL_MAX];
  Google__Protobuf__Any anys[2] = {GOOGLE__PROTOBUF__ANY__INIT, GOOGLE__PROTOBUF__ANY__INIT};
  Google__Protobuf__Any *details[2] = {&anys[0], &anys[1]};
  size_t count = 0;
  if (err->reason[0] != '\0') {
    pack_error_info(err, bytes[count], &anys[count]);
    count++;
  }
  if (err->retry_after_ms > 0) {
    pack_retry_info(err, bytes[count], &anys[count]);
    count++;
  }
  Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
  status.code = (int32_t)err->code;
  status.message = err->message;
  status.n_details = count;
  status.details = details;
  if (google__rpc__status__get_packed_size(&status) > sizeof err->details) return;
  err->details_size = google__rpc__status__pack(&status, err->details);
}

static void take_error_info(mesh_error *err, const ProtobufCBinaryData *value) {
  Google__Rpc__ErrorInfo *info = google__rpc__error_info__unpack(NULL, value->len, value->data);
  if (info == NULL) return;
  snprintf(err->reason, sizeof err->reason, "%s", info->reason);
  snprintf(err->domain, sizeof err->domain, "%s", info->domain);
  google__rpc__error_info__free_unpacked(info, NULL);
}

static void take_retry_info(mesh_error *err, const ProtobufCBinaryData *value) {
  Google__Rpc__RetryInfo *info = google__rpc__retry_info__unpack(NULL, value->len, value->data);
  if (info == NULL) return;
  const Google__Protobuf__Duration *delay = info->retry_delay;
  if (delay != NULL && delay->seconds >= 0 && delay->seconds < INT32_MAX) {
    err->retry_after_ms = delay->seconds * 1000 + delay->nanos / 1000000;
  }
  google__rpc__retry_info__free_unpacked(info, NULL);
}

void mesh_error_decode_details(mesh_error *err, const uint8_t *details, size_t size_bytes) {
  Google__Rpc__Status *status = google__rpc__status__unpack(NULL, size_bytes, details);
  if (status != NULL) {
    for (size_t i = 0; i < status->n_details; i++) {
      const Google__Protobuf__Any *any = status->details[i];
      if (strcmp(any->type_url, ERROR_INFO_URL) == 0) take_error_info(err, &any->value);
      if (strcmp(any->type_url, RETRY_INFO_URL) == 0) take_retry_info(err, &any->value);
    }
    google__rpc__status__free_unpacked(status, NULL);
  }
  if (size_bytes > sizeof err->details) return;
  memcpy(err->details, details, size_bytes);
  err->details_size = size_bytes;
}
