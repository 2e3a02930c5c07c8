#include "mesh/rpc/status_details.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"

#define ERROR_INFO_URL "type.googleapis.com/google.rpc.ErrorInfo"
#define RETRY_INFO_URL "type.googleapis.com/google.rpc.RetryInfo"

// Packs `message` into `any`; the caller frees any->value.data.
static void pack_detail(Google__Protobuf__Any *any, char *url, const ProtobufCMessage *message) {
  mesh_bytes bytes = mesh_message_pack(message);
  any->type_url = url;
  any->value = (ProtobufCBinaryData){bytes.size_bytes, bytes.data};
}

static void pack_error_info(mesh_error *err, Google__Protobuf__Any *any) {
  Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
  info.reason = err->reason;
  info.domain = err->domain;
  pack_detail(any, ERROR_INFO_URL, &info.base);
}

static void pack_retry_info(const mesh_error *err, Google__Protobuf__Any *any) {
  Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
  int64_t delay_ns = mesh_ms_ns(err->retry_after_ms);
  delay.seconds = mesh_time_seconds(delay_ns);
  delay.nanos = mesh_time_nanos(delay_ns);
  Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
  info.retry_delay = &delay;
  pack_detail(any, RETRY_INFO_URL, &info.base);
}

void mesh_error_encode_details(mesh_error *err) {
  if (err->details_size > 0 || (err->reason[0] == '\0' && err->retry_after_ms <= 0)) return;

  Google__Protobuf__Any anys[2] = {GOOGLE__PROTOBUF__ANY__INIT, GOOGLE__PROTOBUF__ANY__INIT};
  Google__Protobuf__Any *details[2] = {&anys[0], &anys[1]};
  size_t count = 0;
  if (err->reason[0] != '\0') pack_error_info(err, &anys[count++]);
  if (err->retry_after_ms > 0) pack_retry_info(err, &anys[count++]);
  Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
  status.code = (int32_t)err->code;
  status.message = err->message;
  status.n_details = count;
  status.details = details;
  (void)!mesh_message_pack_into(&status.base, err->details, sizeof err->details,
                                &err->details_size);
  for (size_t i = 0; i < count; i++)
    free(anys[i].value.data);
}

static void take_error_info(mesh_error *err, const ProtobufCBinaryData *value) {
  Google__Rpc__ErrorInfo *info =
      mesh_message_unpack(&google__rpc__error_info__descriptor, value->data, value->len);
  if (info == NULL) return;
  mesh_text_copy(err->reason, sizeof err->reason, info->reason);
  mesh_text_copy(err->domain, sizeof err->domain, info->domain);
  google__rpc__error_info__free_unpacked(info, NULL);
}

static void take_retry_info(mesh_error *err, const ProtobufCBinaryData *value) {
  Google__Rpc__RetryInfo *info =
      mesh_message_unpack(&google__rpc__retry_info__descriptor, value->data, value->len);
  if (info == NULL) return;
  const Google__Protobuf__Duration *delay = info->retry_delay;
  if (delay != NULL && mesh_is_duration(delay->seconds, delay->nanos)) {
    err->retry_after_ms = mesh_time_join(delay->seconds, delay->nanos) / MESH_MS_NS;
  }
  google__rpc__retry_info__free_unpacked(info, NULL);
}

// The same details under the code and message of `err`. Larger ones are dropped.
static void put_right(mesh_error *err, Google__Rpc__Status *status) {
  char *theirs = status->message;
  status->code = (int32_t)err->code;
  status->message = err->message;
  if (!mesh_message_pack_into(&status->base, err->details, sizeof err->details,
                              &err->details_size)) {
    err->details_size = 0;
  }
  status->message = theirs;
}

void mesh_error_decode_details(mesh_error *err, const uint8_t *details, size_t size_bytes) {
  Google__Rpc__Status *status =
      mesh_message_unpack(&google__rpc__status__descriptor, details, size_bytes);
  if (status != NULL) {
    for (size_t i = 0; i < status->n_details; i++) {
      const Google__Protobuf__Any *any = status->details[i];
      if (strcmp(any->type_url, ERROR_INFO_URL) == 0) take_error_info(err, &any->value);
      if (strcmp(any->type_url, RETRY_INFO_URL) == 0) take_retry_info(err, &any->value);
    }
  }
  if (status != NULL && status->code != (int32_t)err->code) {
    put_right(err, status);
  } else if (size_bytes <= sizeof err->details) {
    memcpy(err->details, details, size_bytes);
    err->details_size = size_bytes;
  }
  if (status != NULL) google__rpc__status__free_unpacked(status, NULL);
}
