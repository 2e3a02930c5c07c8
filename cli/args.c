#include "cli/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal/numbers.h"
#include "mesh/program/closest.h"
#include "mesh/runtime/text.h"

static const args_flag *find_in(const args_flag *table, const char *name, size_t size) {
  for (; table != NULL && table->name != NULL; table++) {
    if (strlen(table->name) == size && memcmp(table->name, name, size) == 0) return table;
  }
  return NULL;
}

static size_t add_names(const args_flag *table, const char **names, size_t count) {
  for (; table != NULL && table->name != NULL && count < ARGS_FLAGS_MAX; table++) {
    names[count++] = table->name;
  }
  return count;
}

static mesh_code fail_unknown(const char *flag, const char *name, const args_flag *own,
                              const args_flag *common, mesh_error *err) {
  const char *names[ARGS_FLAGS_MAX];
  size_t count = add_names(common, names, add_names(own, names, 0));
  const char *near = mesh_closest(name, names, count);
  if (near == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unknown flag %.*s",
                     MESH_TEXT_SHOWN(flag, 100));
  }
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unknown flag %.*s; did you mean --%s?",
                   MESH_TEXT_SHOWN(flag, 100), near);
}

// True if `value` is one of "a|b|c"; anything is where there is no bar.
static bool is_allowed(const char *allowed, const char *value) {
  if (strchr(allowed, '|') == NULL) return true;
  size_t size = strlen(value);
  for (const char *each = allowed; *each != '\0';) {
    size_t length = strcspn(each, "|");
    if (length == size && memcmp(each, value, size) == 0) return true;
    each += length + (each[length] == '|');
  }
  return false;
}

static mesh_code add_flag(args *out, const args_flag *flag, const char *value, mesh_error *err) {
  if (flag->value != NULL && !is_allowed(flag->value, value)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--%s '%.*s': use one of %s", flag->name,
                     MESH_TEXT_SHOWN(value, 100), flag->value);
  }
  if (out->flag_count == ARGS_FLAGS_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "more than %d flags", ARGS_FLAGS_MAX);
  }
  out->flags[out->flag_count] = flag;
  out->values[out->flag_count++] = value;
  return GRPC_STATUS_OK;
}

// Takes the flag at argv[*index], and the value behind it.
static mesh_code take_flag(int argc, char **argv, int *index, const args_flag *own,
                           const args_flag *common, args *out, mesh_error *err) {
  const char *text = argv[*index], *name = text + 2;
  size_t size = strcspn(name, "=");
  const args_flag *flag = find_in(own, name, size);
  if (flag == NULL) flag = find_in(common, name, size);
  if (flag == NULL) return fail_unknown(text, name, own, common, err);
  if (flag->value == NULL) {
    if (name[size] == '\0') return add_flag(out, flag, "", err);
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--%s takes no value", flag->name);
  }
  if (name[size] == '=') return add_flag(out, flag, name + size + 1, err);
  if (*index + 1 < argc) return add_flag(out, flag, argv[++*index], err);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--%s needs a value: %s", flag->name,
                   flag->value);
}

static mesh_code take_help(args *out, mesh_error *err) {
  static const args_flag help = {.name = "help"};
  return add_flag(out, &help, "", err);
}

static mesh_code take_word(args *out, const char *word, mesh_error *err) {
  if (out->word_count == ARGS_WORDS_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unexpected argument '%.*s'",
                     MESH_TEXT_SHOWN(word, 100));
  }
  out->words[out->word_count++] = word;
  return GRPC_STATUS_OK;
}

static bool is_flag(const char *text) {
  return text[0] == '-' && text[1] != '\0';
}

// Takes the flag at argv[*index], of whatever form.
static mesh_code take_dashes(int argc, char **argv, int *index, const args_flag *own,
                             const args_flag *common, args *out, mesh_error *err) {
  const char *text = argv[*index];
  if (strcmp(text, "-h") == 0) return take_help(out, err);
  if (text[1] != '-') return fail_unknown(text, text + 1, own, common, err);
  return take_flag(argc, argv, index, own, common, out, err);
}

mesh_code args_parse(int argc, char **argv, const args_flag *own, const args_flag *common,
                     args *out, mesh_error *err) {
  *out = (args){0};
  bool words_only = false;
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < argc && code == GRPC_STATUS_OK; i++) {
    if (words_only || !is_flag(argv[i])) {
      code = take_word(out, argv[i], err);
    } else if (strcmp(argv[i], "--") == 0) {
      words_only = true;
    } else {
      code = take_dashes(argc, argv, &i, own, common, out, err);
    }
  }
  return code;
}

mesh_code args_leading(int argc, char **argv, const args_flag *table, int *out, mesh_error *err) {
  args ignored = {0};
  mesh_code code = GRPC_STATUS_OK;
  *out = 0;
  for (int i = 0; i < argc && is_flag(argv[i]); *out = ++i) {
    code = take_dashes(argc, argv, &i, NULL, table, &ignored, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return code;
}

const char *args_get(const args *given, const char *name) {
  for (int i = given->flag_count - 1; i >= 0; i--) {
    if (strcmp(given->flags[i]->name, name) == 0) return given->values[i];
  }
  return NULL;
}

mesh_code args_get_number(const args *given, const char *name, int64_t low, int64_t high,
                          int64_t otherwise, int64_t *out, mesh_error *err) {
  const char *text = args_get(given, name);
  *out = otherwise;
  if (text == NULL) return GRPC_STATUS_OK;
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end != text && *end == '\0' && errno == 0 && value >= low && value <= high) {
    *out = value;
    return GRPC_STATUS_OK;
  }
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "--%s '%.*s': use a whole number from %lld to %lld", name,
                   MESH_TEXT_SHOWN(text, 100), (long long)low, (long long)high);
}

const char *args_get_each(const args *given, const char *name, int index) {
  for (int i = 0; i < given->flag_count; i++) {
    if (strcmp(given->flags[i]->name, name) == 0 && index-- == 0) return given->values[i];
  }
  return NULL;
}

mesh_code args_get_duration(const args *given, const char *name, int64_t otherwise, int64_t *out_ms,
                            mesh_error *err) {
  const char *text = args_get(given, name);
  *out_ms = otherwise;
  if (text == NULL || numbers_duration(text, out_ms)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "--%s '%s': use a duration such as 250ms, 90s, 5m or 1h", name, text);
}
