// strategy_tree: a YAML file as a tree whose every key and value was checked against a proto
// message, and which knows where in the file each of them stands, so that whatever is found wrong
// later can say so too. Read-only after it was read: any thread.
#ifndef MILLRACE_HOST_TRAINING_STRATEGY_TREE_H
#define MILLRACE_HOST_TRAINING_STRATEGY_TREE_H

#include <stdbool.h>

#include "host/training/stop.h"
#include "mesh/rpc/schema.h"

typedef enum strategy_shape {
  STRATEGY_VALUE,  // `text`; and `number`, where the message says that it is one
  STRATEGY_LIST,   // children without keys
  STRATEGY_MAP,    // children with keys, in the file's order
} strategy_shape;

typedef struct strategy_node {
  const char *key;   // "" in a list
  const char *text;  // "" where there is none
  // A number's value, 0 or 1 of a bool, the place of a choice among its enum's names.
  double number;
  strategy_shape shape;
  int line, column;  // of the value, from 1
  struct strategy_node *children;
  size_t count;
} strategy_node;

typedef struct strategy_tree strategy_tree;

// Reads `text` as message `type` ("millrace.v1.Strategy"). `file` is what errors call it. In YAML a
// repeated message with a field `id` is a mapping from ids to messages; an enum's name is written
// in lower case; one word may stand for a list of one. INVALID_ARGUMENT: no YAML, an unknown key
// (and the closest known one), a key twice, a value of another type, and whatever
// strategy_bounds_check() refuses: "FILE:LINE:COLUMN: key: what". CANCELLED: `stop` (may be NULL)
// was asked to. On OK the caller owns *out.
MESH_NODISCARD mesh_code strategy_tree_read(train_stop *stop, const mesh_schema *schema,
                                            const char *type, const char *file, mesh_view text,
                                            strategy_tree **out, mesh_error *err);

// Frees it and every node. NULL is fine.
void strategy_tree_destroy(strategy_tree *tree);

// The file's own mapping; the tree's.
const strategy_node *strategy_tree_root(const strategy_tree *tree);

// The node at `path` ("model.training.epochs") below `node`; NULL if the file does not say, or
// `node` is NULL.
const strategy_node *strategy_get(const strategy_node *node, const char *path);

// Its value; the fallback where there is none.
const char *strategy_text(const strategy_node *node, const char *path, const char *fallback);
double strategy_number(const strategy_node *node, const char *path, double fallback);

// INVALID_ARGUMENT: "FILE:LINE:COLUMN: <text>", of `node`; of the file's beginning where it is
// NULL.
mesh_code strategy_refuse(const strategy_tree *tree, const strategy_node *node, mesh_error *err,
                          const char *format, ...) MESH_PRINTF(4, 5);

#endif
