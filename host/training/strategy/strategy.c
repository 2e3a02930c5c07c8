#include "host/training/strategy/strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/strategy/internal.h"
#include "mesh/runtime/text.h"

static mesh_code read_head(strategy_reading *own, mesh_error *err) {
  const strategy_node *name = strategy_get(own->root, "name");
  if (name == NULL) return strategy_refuse(own->tree, NULL, err, "name: it is needed");
  mesh_code code =
      strategy_copy_name(own, name, name->text, own->out->name, STRATEGY_NAME_MAX, err);
  if (code != GRPC_STATUS_OK) return code;
  // The model is addressed by it, as NAME or NAME:VERSION, and exported into a file of that name.
  const char *fault = mesh_text_file_name_fault(name->text, STRATEGY_NAME_MAX - 1);
  if (fault != NULL) {
    return strategy_refuse(own->tree, name, err, "name: '%s' %s, so that no model can have it",
                           name->text, fault);
  }
  return strategy_copy_name(own, strategy_get(own->root, "version"),
                            strategy_text(own->root, "version", "3.0"), own->out->version,
                            STRATEGY_NAME_MAX, err);
}

// In this order: each part refers to those before it.
static mesh_code read_parts(strategy_reading *own, mesh_error *err) {
  static mesh_code (*const parts[])(strategy_reading *, mesh_error *) = {
      read_head,
      strategy_read_data,
      strategy_read_indicators,
      strategy_read_fuzzy_sets,
      strategy_read_features,
      strategy_read_network,
      strategy_read_learning,
  };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    mesh_code code = parts[i](own, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

mesh_code strategy_read(train_stop *stop, const mesh_schema *schema, const char *file,
                        mesh_view text, const strategy_overrides *overrides, strategy **out,
                        mesh_error *err) {
  static const strategy_overrides none;
  strategy_tree *tree;
  *out = NULL;
  mesh_code code = strategy_tree_read(stop, schema, "millrace.v1.Strategy", file, text, &tree, err);
  if (code != GRPC_STATUS_OK) return code;
  strategy *read = calloc(1, sizeof *read);
  if (read == NULL) abort();
  strategy_reading own = {tree, strategy_tree_root(tree), overrides == NULL ? &none : overrides,
                          read};
  code = read_parts(&own, err);
  strategy_tree_destroy(tree);
  if (code == GRPC_STATUS_OK) {
    *out = read;
  } else {
    strategy_destroy(read);
  }
  return code;
}

void strategy_destroy(strategy *own) {
  if (own == NULL) return;
  for (int i = 0; i < own->fuzzy_set_count; i++)
    free(own->fuzzy_sets[i].members);
  free(own->fuzzy_sets);
  free(own->indicators);
  free(own->features);
  free(own);
}
