// The inside of mesh_config, for its four files; not for others. config.c (the list, environment
// and flags) and config_yaml.c (files) call config_find.c (which settings there are) and
// config_value.c (what a text means); these two call neither each other nor them.
#ifndef MILLRACE_MESH_PROGRAM_CONFIG_INTERNAL_H
#define MILLRACE_MESH_PROGRAM_CONFIG_INTERNAL_H

#include "mesh/program/config.h"

enum { MESH_CONFIG_PATH_MAX = 128 };  // bytes of a setting's path, with the NUL

// Who gave a value, the weakest first.
typedef enum config_giver { BY_DEFAULT, BY_FILE, BY_ENVIRONMENT, BY_FLAG } config_giver;

typedef struct config_setting {
  char *path, *variable, *text, *origin;  // owned
  mesh_field_info field;
  int64_t number;  // an INTEGER's value; 0 or 1 for a BOOL
  config_giver giver;
  int given_in;  // the number of the last file that had it; 0: none did
} config_setting;

struct mesh_config {
  const mesh_schema *schema;
  config_setting *settings;  // owned
  size_t count;
  int files;  // that were read, or are being
};

// The setting with this path; NULL if there is none.
config_setting *mesh_config_find(const mesh_config *config, const char *path);

// True if `path` is the beginning of settings' paths: a mapping in the file.
bool mesh_config_is_section(const mesh_config *config, const char *path);

// Checks `text` and gives it to `setting`, unless somebody stronger already has. `place` starts an
// error's text; `origin` is kept.
mesh_code mesh_config_take(mesh_config *config, config_setting *setting, const char *text,
                           config_giver giver, const char *place, const char *origin,
                           mesh_error *err);

// Fails: there is no setting (and no section) `path`; names the closest one.
mesh_code mesh_config_fail_unknown(const mesh_config *config, const char *path, const char *place,
                                   mesh_error *err);

#endif
