#include "cli/start_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mesh/runtime/text.h"

enum { GRACE_MS = 2000 };  // long enough to reattach after a lost connection

static void make_request_id(char out[40]) {
  uint8_t bits[12];
  if (getrandom(bits, sizeof bits, 0) != sizeof bits) abort();
  size_t size = (size_t)snprintf(out, 40, "cli-");
  for (size_t i = 0; i < sizeof bits; i++)
    size += (size_t)snprintf(out + size, 40 - size, "%02x", bits[i]);
}

mesh_code start_labels_read(const args *given, start_options *out, mesh_error *err) {
  for (int i = 0;; i++) {
    const char *text = args_get_each(given, "label", i);
    if (text == NULL) return GRPC_STATUS_OK;
    size_t key_size = strcspn(text, "=");
    if (text[key_size] != '=' || key_size >= sizeof out->texts[0] || i == START_LABELS_MAX) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "--label '%s': use KEY=VALUE, up to %d times", text, START_LABELS_MAX);
    }
    mesh_text_format(out->texts[i], sizeof out->texts[i], "%.*s", (int)key_size, text);
    millrace__v1__start_options__labels_entry__init(&out->entries[i]);
    out->entries[i].key = out->texts[i];
    out->entries[i].value = (char *)text + key_size + 1;
    out->labels[i] = &out->entries[i];
    out->message.n_labels = (size_t)i + 1;
    out->message.labels = out->labels;
  }
}

mesh_code start_options_read(const args *given, start_options *out, mesh_error *err) {
  Millrace__V1__StartOptions *message = &out->message;
  millrace__v1__start_options__init(message);
  const char *request_id = args_get(given, "request-id");
  make_request_id(out->request_id);
  message->request_id = request_id != NULL ? (char *)request_id : out->request_id;
  message->detached = args_get(given, "detach") != NULL;
  mesh_code code = args_get_duration(given, "grace", GRACE_MS, &message->grace_ms, err);
  if (code == GRPC_STATUS_OK) {
    code = args_get_duration(given, "deadline", 0, &message->deadline_ms, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = args_get_duration(given, "cancel-timeout", 0, &message->cancel_timeout_ms, err);
  }
  return code == GRPC_STATUS_OK ? start_labels_read(given, out, err) : code;
}
