#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mesh/program/config_internal.h"
#include "mesh/runtime/text.h"

// ---- what a text means ----

// Digits, with a minus where it fits; no plus, no spaces, and no zero in front, which YAML's
// readers do not agree about.
static bool parse_integer(const char *text, const mesh_field_info *field, int64_t *out) {
  const char *digits = text + (text[0] == '-');
  if (!isdigit((unsigned char)digits[0]) || (digits[0] == '0' && text[1] != '\0')) return false;
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (*end != '\0' || errno != 0 || number < field->least || number > field->most) return false;
  *out = number;
  return true;
}

// An enum's name in any case; *out is its name in lower case, which the caller frees.
static bool parse_choice(const mesh_config *config, const char *text, const mesh_field_info *field,
                         char **out) {
  const char *name;
  for (size_t i = 0; (name = mesh_schema_choice(config->schema, field->type, i)) != NULL; i++) {
    if (strcasecmp(name, text) != 0) continue;
    *out = strdup(name);
    if (*out == NULL) abort();
    for (char *at = *out; *at != '\0'; at++)
      *at = (char)tolower((unsigned char)*at);
    return true;
  }
  return false;
}

// The value of `text` as *number and as *kept, which the caller frees. False: it is no such value.
static bool parse(const mesh_config *config, const mesh_field_info *field, const char *text,
                  int64_t *number, char **kept) {
  bool yes = strcmp(text, "true") == 0;
  *number = yes;
  switch (field->kind) {
    case MESH_FIELD_CHOICE:
      return parse_choice(config, text, field, kept);
    case MESH_FIELD_INTEGER:
      if (!parse_integer(text, field, number)) return false;
      break;
    case MESH_FIELD_BOOL:
      if (!yes && strcmp(text, "false") != 0) return false;
      break;
    default:
      break;
  }
  *kept = strdup(text);
  if (*kept == NULL) abort();
  return true;
}

// What would be right: "a whole number from 0 to 32", "debug, info, warn or error".
static void describe(const mesh_config *config, const mesh_field_info *field, char *out,
                     size_t capacity) {
  if (field->kind == MESH_FIELD_BOOL) snprintf(out, capacity, "true or false");
  if (field->kind == MESH_FIELD_INTEGER) {
    snprintf(out, capacity, "a whole number from %" PRId64 " to %" PRId64, field->least,
             field->most);
  }
  if (field->kind != MESH_FIELD_CHOICE) return;
  const char *name, *next = mesh_schema_choice(config->schema, field->type, 0);
  out[0] = '\0';
  for (size_t i = 1; (name = next) != NULL; i++) {
    next = mesh_schema_choice(config->schema, field->type, i);
    const char *joint = i == 1 ? "" : next != NULL ? ", " : " or ";
    mesh_text_append(out, capacity, "%s%s", joint, name);
  }
  for (char *at = out; *at != '\0'; at++)
    *at = (char)tolower((unsigned char)*at);
}

mesh_code mesh_config_take(mesh_config *config, config_setting *setting, const char *text,
                           config_giver giver, const char *place, const char *origin,
                           mesh_error *err) {
  int64_t number;
  char *kept, *origin_kept, right[160];
  if (!parse(config, &setting->field, text, &number, &kept)) {
    describe(config, &setting->field, right, sizeof right);
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: %s '%.*s': use %s", place,
                     setting->path, MESH_TEXT_SHOWN(text, 60), right);
  }
  if (giver < setting->giver) {
    free(kept);  // it had to be right, but somebody stronger has spoken
    return GRPC_STATUS_OK;
  }
  origin_kept = strdup(origin);
  if (origin_kept == NULL) abort();
  free(setting->text);
  free(setting->origin);
  setting->text = kept;
  setting->origin = origin_kept;
  setting->number = number;
  setting->giver = giver;
  return GRPC_STATUS_OK;
}
