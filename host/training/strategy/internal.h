// Parts of strategy_read(), each for one part of the file: strategy.c calls the read_ files, and
// they reading.c. Not for others.
#ifndef MILLRACE_HOST_TRAINING_STRATEGY_INTERNAL_H
#define MILLRACE_HOST_TRAINING_STRATEGY_INTERNAL_H

#include "host/training/strategy/strategy.h"

typedef struct strategy_reading {
  const strategy_tree *tree;
  const strategy_node *root;
  const strategy_overrides *overrides;  // never NULL
  strategy *out;
} strategy_reading;

// Each reads its part of own->root into own->out. INVALID_ARGUMENT and UNIMPLEMENTED as
// strategy_read().
mesh_code strategy_read_data(strategy_reading *own, mesh_error *err);
mesh_code strategy_read_indicators(strategy_reading *own, mesh_error *err);
mesh_code strategy_read_fuzzy_sets(strategy_reading *own, mesh_error *err);
mesh_code strategy_read_features(strategy_reading *own, mesh_error *err);
mesh_code strategy_read_network(strategy_reading *own, mesh_error *err);
mesh_code strategy_read_learning(strategy_reading *own, mesh_error *err);

// Finds "indicator_id" or "indicator_id.output"; `node` is where the file says it.
mesh_code strategy_find_output(const strategy_reading *own, const strategy_node *node,
                               int *indicator, int *output, mesh_error *err);

// Copies a name that becomes part of others; INVALID_ARGUMENT if it is too long, empty, no UTF-8,
// or holds a control character.
mesh_code strategy_copy_name(const strategy_reading *own, const strategy_node *node,
                             const char *name, char *out, size_t capacity, mesh_error *err);

// The file asks for something in vain.
void strategy_warn(strategy_reading *own, const strategy_node *node, const char *text);

#endif
