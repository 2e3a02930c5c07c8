#include "backend/operations/operation_message.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/operation/labels.h"
#include "mesh/rpc/pack.h"
#include "mesh/rpc/wire_text.h"
#include "mesh/runtime/text.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

static void *allocate(size_t size_bytes) {
  void *memory = malloc(size_bytes);
  if (memory == NULL) abort();
  return memory;
}

Millrace__V1__Operation *operation_message_create(void) {
  Millrace__V1__Operation *message = allocate(sizeof *message);
  millrace__v1__operation__init(message);
  return message;
}

void operation_message_destroy(Millrace__V1__Operation *message) {
  if (message != NULL) millrace__v1__operation__free_unpacked(message, NULL);
}

void operation_message_set_text(char **field, const char *text, size_t size_bytes) {
  if (*field != protobuf_c_empty_string) free(*field);
  *field = strndup(text, size_bytes);
  if (*field == NULL) abort();
  mesh_text_mend_in_place(*field, strlen(*field));
}

void operation_message_set_time(Google__Protobuf__Timestamp **field, int64_t time_ns) {
  if (*field == NULL) {
    *field = allocate(sizeof **field);
    google__protobuf__timestamp__init(*field);
  }
  (*field)->seconds = mesh_time_seconds(time_ns);
  (*field)->nanos = mesh_time_nanos(time_ns);
}

void operation_message_add_label(Millrace__V1__Operation *message, const char *key,
                                 const char *value) {
  Millrace__V1__Operation__LabelsEntry *label = allocate(sizeof *label);
  millrace__v1__operation__labels_entry__init(label);
  operation_message_set_text(&label->key, key, strlen(key));
  operation_message_set_text(&label->value, value, strlen(value));
  message->labels = realloc(message->labels, (message->n_labels + 1) * sizeof *message->labels);
  if (message->labels == NULL) abort();
  message->labels[message->n_labels++] = label;
}

// What of the record cannot be read is named; the rest still counts.
static void mark_damaged(Millrace__V1__Operation *message, const char *what) {
  char text[80];
  mesh_text_format(text, sizeof text, "%s%s%s", message->damaged,
                   message->damaged[0] != '\0' ? ", " : "", what);
  operation_message_set_text(&message->damaged, text, strlen(text));
}

// Text that an older program has written, from before it was checked: it is shown mended.
static void look_at_text(Millrace__V1__Operation *message, const char *what, const char *text) {
  size_t size = strlen(text);
  if (mesh_text_valid_bytes(text, size) < size) mark_damaged(message, what);
}

static void look_at_body(Millrace__V1__Operation *message, const char *what,
                         const ProtobufCMessageDescriptor *type, mesh_view body) {
  if (!mesh_wire_is_utf8(mesh_wire_type_of(type), body)) mark_damaged(message, what);
}

static void look_for_damage(Millrace__V1__Operation *message, const mesh_operation_record *record) {
  look_at_text(message, "kind", record->kind);
  look_at_text(message, "title", record->title);
  look_at_text(message, "labels", record->labels);
  look_at_body(message, "the outcome's text", &millrace__v1__outcome__descriptor, record->outcome);
  look_at_body(message, "the checkpoint's text", &millrace__v1__checkpoint__descriptor,
               record->checkpoint);
}

// Fields that are messages themselves.
static void set_bodies(Millrace__V1__Operation *message, const mesh_operation_record *record,
                       mesh_view progress) {
  mesh_view outcome = record->outcome, checkpoint = record->checkpoint;
  if (outcome.size_bytes > 0) {
    message->outcome =
        mesh_message_unpack(&millrace__v1__outcome__descriptor, outcome.data, outcome.size_bytes);
  } else if (progress.size_bytes > 0) {
    message->progress = mesh_message_unpack(&millrace__v1__progress__descriptor, progress.data,
                                            progress.size_bytes);
  }
  if (checkpoint.size_bytes > 0) {
    message->checkpoint = mesh_message_unpack(&millrace__v1__checkpoint__descriptor,
                                              checkpoint.data, checkpoint.size_bytes);
  }
  if (outcome.size_bytes > 0 && message->outcome == NULL) mark_damaged(message, "outcome");
  if (checkpoint.size_bytes > 0 && message->checkpoint == NULL) mark_damaged(message, "checkpoint");
  if (outcome.size_bytes == 0 && operation_state_is_final(message->state)) {
    mark_damaged(message, "no outcome");
  }
  if (protobuf_c_enum_descriptor_get_value(&millrace__v1__operation_state__descriptor,
                                           (int)message->state) == NULL) {
    mark_damaged(message, "state");
  }
}

static void set_labels(Millrace__V1__Operation *message, const char *labels) {
  char key[MESH_LABEL_KEY_MAX + 1], value[MESH_LABEL_VALUE_MAX + 1];
  while (mesh_labels_next(&labels, key, value))
    operation_message_add_label(message, key, value);
}

Millrace__V1__Operation *operation_message_of(const mesh_operation_record *record,
                                              mesh_view progress, int watchers) {
  Millrace__V1__Operation *message = operation_message_create();
  operation_message_set_text(&message->name, record->name, strlen(record->name));
  operation_message_set_text(&message->kind, record->kind, strlen(record->kind));
  operation_message_set_text(&message->title, record->title, strlen(record->title));
  message->state = record->state;
  operation_message_set_time(&message->created, record->created_ns);
  operation_message_set_time(&message->updated, record->updated_ns);
  message->epoch = record->epoch;
  message->last_sequence = record->last_sequence;
  message->detached = record->detached;
  message->watchers = watchers;
  set_labels(message, record->labels);
  set_bodies(message, record, progress);
  look_for_damage(message, record);
  return message;
}

const char *operation_state_name(Millrace__V1__OperationState state) {
  const ProtobufCEnumValue *value =
      protobuf_c_enum_descriptor_get_value(&millrace__v1__operation_state__descriptor, (int)state);
  return value == NULL ? "UNKNOWN" : value->name;
}

bool operation_state_is_final(Millrace__V1__OperationState state) {
  return state == STATE(SUCCEEDED) || state == STATE(FAILED) || state == STATE(CANCELLED);
}
