// Settings from defaults, a file, the environment and flags, with millrace's own message of them.
#include "mesh/program/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protos/descriptors.h"
#include "tests/unit.h"

#define ROOT "millrace.v1.Config"

typedef struct row {
  const char *name;
  const char *file;      // the text of millrace.yaml; NULL: none is read
  const char *variable;  // "NAME=value"
  const char *flag;      // --flag sets this setting...
  const char *value;     // ...to this
  const char *error;     // the end of the message; NULL: all is right
  const char *path;      // then this setting...
  const char *text;      // ...has this value...
  const char *origin;    // ...from here (the end of it)
} row;

static const row rows[] = {
    // who counts more
    {"nothing was set", NULL, NULL, NULL, NULL, NULL, "gateway.address", "", "default"},
    {"a default of the table", NULL, NULL, NULL, NULL, NULL, "data.parallel", "4", "default"},
    {"a number's own default", NULL, NULL, NULL, NULL, NULL, "papergate.seed", "0", "default"},
    {"a switch's own default", NULL, NULL, NULL, NULL, NULL, "log.json", "false", "default"},
    {"a choice's own default", NULL, NULL, NULL, NULL, NULL, "output", "auto", "default"},
    {"a file", "gateway:\n  address: a:1\n", NULL, NULL, NULL, NULL, "gateway.address", "a:1",
     "/millrace.yaml:2"},
    {"the environment over the file", "gateway: {address: a:1}", "MILLRACE_GATEWAY_ADDRESS=b:2",
     NULL, NULL, NULL, "gateway.address", "b:2", "environment MILLRACE_GATEWAY_ADDRESS"},
    {"a flag over both", "gateway: {address: a:1}", "MILLRACE_GATEWAY_ADDRESS=b:2",
     "gateway.address", "c:3", NULL, "gateway.address", "c:3", "--flag"},
    {"the home's variable", NULL, "MILLRACE_HOME=/h", NULL, NULL, NULL, "home", "/h",
     "environment MILLRACE_HOME"},
    {"the market's variable", NULL, "MILLRACE_PAPERGATE_MARKET=m=n", NULL, NULL, NULL,
     "papergate.market", "m=n", "environment MILLRACE_PAPERGATE_MARKET"},
    {"an empty variable is none", "home: /f", "MILLRACE_HOME=", NULL, NULL, NULL, "home", "/f",
     "/millrace.yaml:1"},
    {"a longer variable is another", NULL, "MILLRACE_HOMES=/h", NULL, NULL, NULL, "home", "",
     "default"},
    {"a wrong value counts though a flag is stronger", "log: {json: 1}", NULL, "log.json", "true",
     "/millrace.yaml:1:13: log.json '1': use true or false", NULL, NULL, NULL},

    // the file
    {"an empty file", "", NULL, NULL, NULL, NULL, "home", "", "default"},
    {"comments alone", "# nothing\n", NULL, NULL, NULL, NULL, "home", "", "default"},
    {"an empty section", "gateway:\nhome: /f\n", NULL, NULL, NULL, NULL, "home", "/f",
     "/millrace.yaml:2"},
    {"a key without a value", "data:\n  parallel:\n", NULL, NULL, NULL, NULL, "data.parallel", "4",
     "default"},
    {"null", "data: {parallel: ~}", NULL, NULL, NULL, NULL, "data.parallel", "4", "default"},
    {"an empty text is a value", "home: ''", NULL, NULL, NULL, NULL, "home", "",
     "/millrace.yaml:1"},
    {"a dotted key", "data.parallel: 7", NULL, NULL, NULL, NULL, "data.parallel", "7",
     "/millrace.yaml:1"},
    {"an anchor", "home: &a x\ngateway: {address: *a}\n", NULL, NULL, NULL, NULL, "gateway.address",
     "x", "/millrace.yaml:1"},
    {"an unknown key", "gateway:\n  adress: a:1\n", NULL, NULL, NULL,
     "/millrace.yaml:2:3: unknown key 'gateway.adress'; did you mean gateway.address?", NULL, NULL,
     NULL},
    {"an unknown section", "home: x\ngatway: {address: a}", NULL, NULL, NULL,
     "/millrace.yaml:2:1: unknown key 'gatway'; did you mean gateway?", NULL, NULL, NULL},
    {"a key that is like nothing", "zzzzzz: 1", NULL, NULL, NULL,
     "/millrace.yaml:1:1: unknown key 'zzzzzz'", NULL, NULL, NULL},
    {"twice", "home: a\nhome: b\n", NULL, NULL, NULL,
     "/millrace.yaml:2:7: home: it is in this file twice", NULL, NULL, NULL},
    {"a list", "home: [a, b]", NULL, NULL, NULL, "/millrace.yaml:1:7: home: use one value", NULL,
     NULL, NULL},
    {"a mapping for a value", "home: {a: b}", NULL, NULL, NULL,
     "/millrace.yaml:1:7: home: use one value", NULL, NULL, NULL},
    {"a value for a section", "gateway: a:1", NULL, NULL, NULL,
     "/millrace.yaml:1:10: gateway: keys with values are expected", NULL, NULL, NULL},
    {"a value alone", "hello", NULL, NULL, NULL,
     "/millrace.yaml:1:1: keys with values are expected", NULL, NULL, NULL},
    {"a list as key", "? [a]\n: b\n", NULL, NULL, NULL, "/millrace.yaml:1:3: use a word as key",
     NULL, NULL, NULL},
    {"a section in itself", "gateway: &a {gateway: *a}", NULL, NULL, NULL,
     "/millrace.yaml:1:14: unknown key 'gateway.gateway'", NULL, NULL, NULL},
    {"two documents", "home: a\n---\nhome: b\n", NULL, NULL, NULL,
     "/millrace.yaml:3:1: a second document", NULL, NULL, NULL},
    {"a NUL byte", "home: \"a\\0b\"", NULL, NULL, NULL,
     "/millrace.yaml:1:7: home: a NUL byte cannot be in a value", NULL, NULL, NULL},
    {"no YAML", "home: 'a", NULL, NULL, NULL, "/millrace.yaml:1:9: found unexpected end of stream",
     NULL, NULL, NULL},
    {"no UTF-8", "home: \xff", NULL, NULL, NULL,
     "/millrace.yaml: byte 6: invalid leading UTF-8 octet", NULL, NULL, NULL},

    // values
    {"the greatest number", NULL, NULL, "data.parallel", "2147483647", NULL, "data.parallel",
     "2147483647", "--flag"},
    {"one more", NULL, NULL, "data.parallel", "2147483648",
     "--flag: data.parallel '2147483648': use a whole number from -2147483648 to 2147483647", NULL,
     NULL, NULL},
    {"the least number", NULL, NULL, "papergate.seed", "-9223372036854775808", NULL,
     "papergate.seed", "-9223372036854775808", "--flag"},
    {"one less", NULL, NULL, "papergate.seed", "-9223372036854775809",
     "use a whole number from -9223372036854775808 to 9223372036854775807", NULL, NULL, NULL},
    {"a word for a number", "gateway: {client_id: eleven}", NULL, NULL, NULL,
     "/millrace.yaml:1:22: gateway.client_id 'eleven': use a whole number from -2147483648 to "
     "2147483647",
     NULL, NULL, NULL},
    {"a number of another base", NULL, NULL, "data.parallel", "0x10", "to 2147483647", NULL, NULL,
     NULL},
    {"a zero in front", NULL, NULL, "data.parallel", "010", "to 2147483647", NULL, NULL, NULL},
    {"a plus", NULL, NULL, "data.parallel", "+1", "to 2147483647", NULL, NULL, NULL},
    {"a space", NULL, NULL, "data.parallel", " 1", "to 2147483647", NULL, NULL, NULL},
    {"a minus alone", NULL, NULL, "data.parallel", "-", "to 2147483647", NULL, NULL, NULL},
    {"no digits", NULL, NULL, "data.parallel", "", "to 2147483647", NULL, NULL, NULL},
    {"a fraction", NULL, NULL, "data.parallel", "1.0", "to 2147483647", NULL, NULL, NULL},
    {"yes is not true", NULL, "MILLRACE_LOG_JSON=yes", NULL, NULL,
     "environment MILLRACE_LOG_JSON: log.json 'yes': use true or false", NULL, NULL, NULL},
    {"a choice in any case", NULL, NULL, "log.level", "Warn", NULL, "log.level", "warn", "--flag"},
    {"no such choice", NULL, NULL, "log.level", "loud",
     "--flag: log.level 'loud': use debug, info, warn or error", NULL, NULL, NULL},
    {"one of two choices", NULL, NULL, "store.synchronous", "off",
     "--flag: store.synchronous 'off': use normal or full", NULL, NULL, NULL},
    {"an unknown setting", NULL, NULL, "gateway.client", "1",
     "--flag: unknown key 'gateway.client'; did you mean gateway.client_id?", NULL, NULL, NULL},
    {"a section is no setting", NULL, NULL, "gateway", "1",
     "--flag: 'gateway' holds settings and is none", NULL, NULL, NULL},
};

static void make_directory(char directory[256]) {
  const char *base = getenv("TEST_TMPDIR");
  snprintf(directory, 256, "%s/config-XXXXXX", base != NULL ? base : "/tmp");
  assert_non_null(mkdtemp(directory));
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static mesh_schema *make_schema(void) {
  mesh_schema *schema;
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &schema, NULL), GRPC_STATUS_OK);
  return schema;
}

static mesh_config *make_config(const mesh_schema *schema) {
  static const mesh_config_default defaults[] = {{"data.parallel", "4"}, {"log.level", "INFO"}};
  mesh_config *config;
  mesh_error err;
  assert_int_equal(mesh_config_create(schema, ROOT, defaults, 2, &config, &err), GRPC_STATUS_OK);
  return config;
}

static void expect_end(const char *text, const char *end) {
  size_t size = strlen(text), wanted = strlen(end);
  if (size < wanted || strcmp(text + size - wanted, end) != 0) fail_msg("%s\nnot %s", text, end);
}

static void expect_setting(const mesh_config *config, const row *one) {
  mesh_setting setting;
  size_t i = 0;
  while (mesh_config_setting(config, i, &setting) && strcmp(setting.path, one->path) != 0)
    i++;
  assert_true(mesh_config_setting(config, i, &setting));
  assert_string_equal(setting.text, one->text);
  expect_end(setting.origin, one->origin);
}

// The strongest first: the order must not matter.
static mesh_code fill(mesh_config *config, const row *one, const char *path, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  char *environment[] = {"PATH=/bin", (char *)one->variable, NULL};
  if (one->flag != NULL) code = mesh_config_set(config, one->flag, one->value, "--flag", err);
  if (code == GRPC_STATUS_OK) code = mesh_config_load_environment(config, environment, err);
  if (code == GRPC_STATUS_OK && one->file != NULL) code = mesh_config_load_yaml(config, path, err);
  return code;
}

static void check_row(const row *one) {
  char directory[256], path[300];
  mesh_error err;
  make_directory(directory);
  snprintf(path, sizeof path, "%s/millrace.yaml", directory);
  if (one->file != NULL) write_file(path, one->file);
  mesh_schema *schema = make_schema();
  mesh_config *config = make_config(schema);
  mesh_code code = fill(config, one, path, &err);
  unlink(path);
  rmdir(directory);
  if (one->error == NULL) {
    if (code != GRPC_STATUS_OK) fail_msg("%s", err.message);
    expect_setting(config, one);
  } else {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    expect_end(err.message, one->error);
  }
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

static void check(void **state) {
  check_row(*state);
}

// ---- what is not a row ----

static void variables_that_are_no_setting_are_told(void **state) {
  (void)state;
  mesh_schema *schema = make_schema();
  mesh_config *config = make_config(schema);
  char *environment[] = {"PATH=/bin",    "MILLRACE_GATWAY_ADDRESS=a:1", "MILLRACE_HOME=/x",
                         "MILLRACE_ZZZ", "MILLRACE_LOG_LEVEL=info",     NULL};
  const char *name, *meant;
  assert_true(mesh_config_unknown_variable(config, environment, 0, &name, &meant));
  assert_string_equal(name, "MILLRACE_GATWAY_ADDRESS=a:1");
  assert_string_equal(meant, "MILLRACE_GATEWAY_ADDRESS");
  assert_true(mesh_config_unknown_variable(config, environment, 1, &name, &meant));
  assert_string_equal(name, "MILLRACE_ZZZ");
  assert_null(meant);
  assert_false(mesh_config_unknown_variable(config, environment, 2, &name, &meant));
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

static void values_have_types(void **state) {
  (void)state;
  mesh_schema *schema = make_schema();
  mesh_config *config = make_config(schema);
  assert_int_equal(mesh_config_get_int(config, "data.parallel"), 4);
  assert_string_equal(mesh_config_get_text(config, "log.level"), "info");
  assert_false(mesh_config_get_bool(config, "log.json"));
  assert_int_equal(mesh_config_set(config, "log.json", "true", "--log-json", NULL), GRPC_STATUS_OK);
  assert_true(mesh_config_get_bool(config, "log.json"));
  assert_int_equal(mesh_config_set(config, "log.json", "false", "--no", NULL), GRPC_STATUS_OK);
  assert_false(mesh_config_get_bool(config, "log.json"));
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

static void a_refused_value_changes_nothing(void **state) {
  (void)state;
  mesh_schema *schema = make_schema();
  mesh_config *config = make_config(schema);
  assert_int_equal(mesh_config_set(config, "data.parallel", "x", "--flag", NULL),
                   GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(mesh_config_get_int(config, "data.parallel"), 4);
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

static void of_two_files_the_later_counts(void **state) {
  (void)state;
  char directory[256], path[300];
  make_directory(directory);
  snprintf(path, sizeof path, "%s/a.yaml", directory);
  mesh_schema *schema = make_schema();
  mesh_config *config = make_config(schema);
  write_file(path, "home: first\n");
  assert_int_equal(mesh_config_load_yaml(config, path, NULL), GRPC_STATUS_OK);
  write_file(path, "home: second\n");
  assert_int_equal(mesh_config_load_yaml(config, path, NULL), GRPC_STATUS_OK);
  assert_string_equal(mesh_config_get_text(config, "home"), "second");
  unlink(path);
  rmdir(directory);
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

static void files_that_cannot_be_read(void **state) {
  (void)state;
  char directory[256], path[300];
  mesh_error err;
  make_directory(directory);
  snprintf(path, sizeof path, "%s/none.yaml", directory);
  mesh_schema *schema = make_schema();
  mesh_config *config = make_config(schema);
  assert_int_equal(mesh_config_load_yaml(config, path, &err), GRPC_STATUS_NOT_FOUND);
  expect_end(err.message, "/none.yaml: No such file or directory");
  assert_int_equal(mesh_config_load_yaml(config, directory, &err), GRPC_STATUS_INVALID_ARGUMENT);
  expect_end(err.message, ": Is a directory");
  rmdir(directory);
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

// Of `before`, then `count` times `piece`: the name of a way to cost more than a file is long.
typedef struct hostile_file {
  const char *before, *piece;
  int count;
  const char *error;
} hostile_file;

static void write_hostile(const char *path, const hostile_file *what) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(what->before, file);
  for (int i = 0; i < what->count; i++)
    fprintf(file, what->piece, i);
  assert_int_equal(fclose(file), 0);
}

// libyaml alone takes 5 s for the third of them.
static void hostile_files_are_refused(void **state) {
  (void)state;
  enum { KIB_64 = 64 << 10 };
  static const hostile_file files[] = {
      {"", "#", KIB_64, NULL},
      {"", "#", KIB_64 + 1, "/hostile.yaml: more than 64 KiB: no file of settings is that long"},
      {"home: ", "[", KIB_64 - 6,
       "/hostile.yaml:1:22: more than 16 lists and mappings within each other"},
      {"home: ", "{a: ", KIB_64 / 4 - 2,
       "/hostile.yaml:1:67: more than 16 lists and mappings within each other"},
      {"home: [", "&a%d x,", 6000, "/hostile.yaml:1:446: more than 64 anchors (&)"},
      {"home: a\n", "--- #%d\n", 5000, "/hostile.yaml:3:1: a second document"},
      {"home: a\n...\n", "%%YAML 1.1\n---\n", 1, "/hostile.yaml:5:1: a second document"},
  };
  char directory[256], path[300];
  make_directory(directory);
  snprintf(path, sizeof path, "%s/hostile.yaml", directory);
  mesh_schema *schema = make_schema();
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    mesh_error err = {.message = ""};
    mesh_config *config = make_config(schema);
    write_hostile(path, &files[i]);
    mesh_code code = mesh_config_load_yaml(config, path, &err);
    assert_int_equal(code, files[i].error == NULL ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT);
    if (files[i].error != NULL) expect_end(err.message, files[i].error);
    mesh_config_destroy(config);
  }
  unlink(path);
  rmdir(directory);
  mesh_schema_destroy(schema);
}

static void every_setting_has_its_variable(void **state) {
  (void)state;
  mesh_schema *schema = make_schema();
  mesh_config *config = make_config(schema);
  mesh_setting first, second;
  assert_true(mesh_config_setting(config, 0, &first));
  assert_string_equal(first.path, "home");
  assert_string_equal(first.variable, "MILLRACE_HOME");
  for (size_t i = 0; mesh_config_setting(config, i, &first); i++) {
    assert_memory_equal(first.variable, "MILLRACE_", 9);
    for (size_t j = 0; j < i && mesh_config_setting(config, j, &second); j++)
      assert_string_not_equal(first.variable, second.variable);
  }
  mesh_config_destroy(config);
  mesh_schema_destroy(schema);
}

static void wrong_messages_and_defaults_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *type;
    mesh_config_default given;
    const char *error;
  } wrong[] = {
      {"millrace.v1.Nope", {"home", "x"}, "no message millrace.v1.Nope with settings"},
      {"millrace.v1.BarBatch", {"home", "x"}, "millrace.v1.BarBatch.times cannot be a setting"},
      {ROOT, {"hme", "x"}, "default: unknown key 'hme'; did you mean home?"},
      {ROOT, {"log.json", "x"}, "default: log.json 'x': use true or false"},
  };
  mesh_schema *schema = make_schema();
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    mesh_config *config;
    mesh_error err;
    assert_int_equal(mesh_config_create(schema, wrong[i].type, &wrong[i].given, 1, &config, &err),
                     GRPC_STATUS_INVALID_ARGUMENT);
    assert_string_equal(err.message, wrong[i].error);
    assert_null(config);
  }
  mesh_schema_destroy(schema);
}

int main(void) {
  enum { ROWS = sizeof rows / sizeof *rows };
  static const struct CMUnitTest others[] = {
      cmocka_unit_test(variables_that_are_no_setting_are_told),
      cmocka_unit_test(values_have_types),
      cmocka_unit_test(a_refused_value_changes_nothing),
      cmocka_unit_test(of_two_files_the_later_counts),
      cmocka_unit_test(files_that_cannot_be_read),
      cmocka_unit_test(hostile_files_are_refused),
      cmocka_unit_test(every_setting_has_its_variable),
      cmocka_unit_test(wrong_messages_and_defaults_are_refused),
  };
  struct CMUnitTest tests[ROWS + sizeof others / sizeof *others];
  for (size_t i = 0; i < ROWS; i++) {
    tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = check, .initial_state = (void *)&rows[i]};
  }
  memcpy(tests + ROWS, others, sizeof others);
  return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
