#include "cli/commands/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/settings.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "protos/descriptors.h"

static void show_json(const char *key, const setting_value *value) {
  print_text(stdout, "{\"key\":\"%s\",\"value\":", key);
  print_json_string(stdout, value->text);
  print_text(stdout, ",\"source\":");
  print_json_string(stdout, value->source);
  print_text(stdout, "}\n");
}

int cmd_config(const command *self, const args *given) {
  mesh_error err;
  settings *all = malloc(sizeof *all);
  if (all == NULL) abort();
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_schema *schema;
  mesh_code code = mesh_schema_create(descriptors, &schema, &err);
  if (code == GRPC_STATUS_OK) code = settings_read(schema, given, all, &err);
  for (int i = 0; code == GRPC_STATUS_OK && i < SETTING_COUNT; i++) {
    const setting_value *value = &all->values[i];
    if (strcmp(settings_get(all, SETTING_OUTPUT), "json") == 0) {
      show_json(settings_key(i), value);
    } else {
      row_print_more(stdout, value->source[0] != '\0' ? value->source : "not set", "%-28s %-30s",
                     settings_key(i), value->text[0] != '\0' ? value->text : "-");
    }
  }
  if (code == GRPC_STATUS_OK) code = output_flush(&err);
  free(all);
  mesh_schema_destroy(schema);
  if (code != GRPC_STATUS_OK) command_complain(self, "%s", err.message);
  return exit_code_of(code);
}
