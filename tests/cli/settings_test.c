#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/rpc/limits.h"
#include "protos/descriptors.h"
#include "tests/unit.h"

static const args_flag flags[] = {{"home", "DIR", ""},
                                  {"config", "FILE", ""},
                                  {"gateway", "HOST:PORT", ""},
                                  {"output", "text|json", ""},
                                  {0}};

typedef struct row {
  const char *name;
  const char *file;         // the configuration's text; NULL: none
  const char *environment;  // of MILLRACE_GATEWAY_ADDRESS; NULL: not set
  const char *flag;         // --gateway
  const char *error;        // a part of the message; NULL: it is right
  const char *want;         // the gateway's address; NULL: none
  const char *source;       // the end of where it came from
} row;

static const row rows[] = {
    {"nothing", NULL, NULL, NULL, NULL, NULL, ""},
    {"a file", "gateway:\n  address: a:1\n", NULL, NULL, NULL, "a:1", "millrace.yaml:2"},
    {"an empty file", "", NULL, NULL, NULL, NULL, ""},
    {"comments alone", "# nothing\n", NULL, NULL, NULL, NULL, ""},
    {"the environment over the file", "gateway: {address: a:1}\n", "b:2", NULL, NULL, "b:2",
     "MILLRACE_GATEWAY_ADDRESS"},
    {"an empty variable is none", "gateway: {address: a:1}\n", "", NULL, NULL, "a:1",
     "millrace.yaml:1"},
    {"a flag over both", "gateway: {address: a:1}\n", "b:2", "c:3", NULL, "c:3", "--gateway"},
    {"other keys beside it", "log:\n  level: warn\ngateway:\n  address: a:1\n", NULL, NULL, NULL,
     "a:1", "millrace.yaml:4"},
    {"an unknown key", "gateway:\n  adress: a:1\n", NULL, NULL, "millrace.yaml:2:", NULL, NULL},
    {"a list", "gateway: [a, b]\n", NULL, NULL, "millrace.yaml:1:", NULL, NULL},
    {"a value alone", "hello\n", NULL, NULL, "millrace.yaml:1:", NULL, NULL},
    {"no YAML", "gateway: {address: a:1\n", NULL, NULL, "millrace.yaml:", NULL, NULL},
    {"a wrong output", "output: xml\n", NULL, NULL, "xml", NULL, NULL},
    {"a wrong number", "gateway: {client_id: many}\n", NULL, NULL, "client_id", NULL, NULL},
};

static mesh_schema *make_schema(void) {
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  mesh_schema *schema;
  assert_int_equal(mesh_schema_create(set, &schema, NULL), GRPC_STATUS_OK);
  return schema;
}

static void make_home(const char *text, char home[64], char path[96]) {
  snprintf(home, 64, "/tmp/settings-XXXXXX");
  assert_non_null(mkdtemp(home));
  snprintf(path, 96, "%s/millrace.yaml", home);
  if (text == NULL) return;
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void check_gateway(const row *one, const settings *all) {
  const char *gateway = settings_get(all, SETTING_GATEWAY_ADDRESS);
  if (one->want == NULL) {
    assert_null(gateway);
    return;
  }
  assert_non_null(gateway);
  assert_string_equal(gateway, one->want);
  const char *source = all->values[SETTING_GATEWAY_ADDRESS].source;
  assert_true(strlen(source) >= strlen(one->source));
  assert_string_equal(source + strlen(source) - strlen(one->source), one->source);
}

static void check(void **state) {
  const row *one = *state;
  char home[64], path[96];
  make_home(one->file, home, path);
  unsetenv("MILLRACE_GATEWAY_ADDRESS");
  if (one->environment != NULL) setenv("MILLRACE_GATEWAY_ADDRESS", one->environment, 1);
  const char *argv[] = {"--home", home, "--gateway", one->flag};
  args given;
  mesh_error err;
  assert_int_equal(args_parse(one->flag != NULL ? 4 : 2, (char **)argv, flags, NULL, &given, &err),
                   GRPC_STATUS_OK);
  settings *all = malloc(sizeof *all);
  mesh_schema *schema = make_schema();
  mesh_code code = settings_read(schema, &given, all, &err);
  mesh_schema_destroy(schema);
  if (one->error != NULL) {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    if (strstr(err.message, one->error) == NULL) fail_msg("%s", err.message);
  } else {
    assert_int_equal(code, GRPC_STATUS_OK);
    check_gateway(one, all);
    assert_string_equal(settings_get(all, SETTING_HOME), home);
  }
  free(all);
  unlink(path);
  rmdir(home);
}

static int check_rows(void) {
  RUN_ROWS("settings", rows, check);
}

static void a_home_is_utf8(void **state) {
  (void)state;
  char home[HOME_PATH_MAX];
  mesh_error err;
  assert_int_equal(home_find("/tmp/z\xc3\xbcrich", home, &err), GRPC_STATUS_OK);
  assert_int_equal(home_find("/tmp/M\xfcnchen", home, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "is no UTF-8"));
}

// Without --home the file's own `home` would move the home that the file was found in.
static void a_file_cannot_move_its_own_home(void **state) {
  (void)state;
  char home[64], path[96];
  make_home("home: elsewhere\n", home, path);
  setenv("XDG_STATE_HOME", home, 1);
  char inner[96], file[128];
  snprintf(inner, sizeof inner, "%s/millrace", home);
  snprintf(file, sizeof file, "%s/millrace.yaml", inner);
  assert_int_equal(mkdir(inner, 0755), 0);
  assert_int_equal(rename(path, file), 0);
  args given;
  mesh_error err;
  assert_int_equal(args_parse(0, NULL, flags, NULL, &given, &err), GRPC_STATUS_OK);
  settings *all = malloc(sizeof *all);
  mesh_schema *schema = make_schema();
  assert_int_equal(settings_read(schema, &given, all, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "home cannot be set in the file that lies in it"));
  mesh_schema_destroy(schema);
  free(all);
  unlink(file);
  rmdir(inner);
  rmdir(home);
  unsetenv("XDG_STATE_HOME");
}

static void a_missing_file_is_named(void **state) {
  (void)state;
  const char *argv[] = {"--home", "/tmp", "--config", "/nonexistent/millrace.yaml"};
  args given;
  mesh_error err;
  assert_int_equal(args_parse(4, (char **)argv, flags, NULL, &given, &err), GRPC_STATUS_OK);
  settings *all = malloc(sizeof *all);
  mesh_schema *schema = make_schema();
  assert_int_equal(settings_read(schema, &given, all, &err), GRPC_STATUS_NOT_FOUND);
  mesh_schema_destroy(schema);
  assert_non_null(strstr(err.message, "/nonexistent/millrace.yaml"));
  free(all);
}

// What the programs hold without a flag is what `config show` shows.
static void limits_are_settings(void **state) {
  (void)state;
  mesh_schema *schema = make_schema();
  const mesh_limit_info *info;
  settings read;
  mesh_error err;
  args none = {0};
  setenv("MILLRACE_HOME", "/nonexistent", 1);
  assert_int_equal(settings_read(schema, &none, &read, &err), GRPC_STATUS_OK);
  for (size_t i = 0; (info = mesh_limits_info(i)) != NULL; i++) {
    char key[64], unset[24];
    snprintf(key, sizeof key, "limits.%s", info->name);
    snprintf(unset, sizeof unset, "%lld", (long long)info->unset);
    assert_string_equal(settings_key(SETTING_LIMITS_FIRST + (setting)i), key);
    assert_string_equal(settings_get(&read, SETTING_LIMITS_FIRST + (setting)i), unset);
    assert_true(info->least <= info->unset && info->unset <= info->most);
  }
  assert_null(mesh_limits_info(SETTING_LIMITS_OPERATIONS - SETTING_LIMITS_FIRST));
  mesh_schema_destroy(schema);
}

int main(void) {
  unsetenv("MILLRACE_CONFIG");
  unsetenv("MILLRACE_HOME");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_missing_file_is_named), cmocka_unit_test(a_file_cannot_move_its_own_home),
      cmocka_unit_test(a_home_is_utf8), cmocka_unit_test(limits_are_settings)};
  return check_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
