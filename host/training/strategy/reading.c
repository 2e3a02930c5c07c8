// What the readers of the parts share; knows none of them.
#include <stdio.h>
#include <string.h>

#include "host/training/strategy/internal.h"
#include "mesh/runtime/text.h"

mesh_code strategy_copy_name(const strategy_reading *own, const strategy_node *node,
                             const char *name, char *out, size_t capacity, mesh_error *err) {
  size_t size = strlen(name);
  if (size == 0 || size >= capacity) {
    return strategy_refuse(own->tree, node, err, "a name has 1 to %zu bytes, this one has %zu",
                           capacity - 1, size);
  }
  const char *fault = mesh_text_name_fault(name, size);
  if (fault != NULL) return strategy_refuse(own->tree, node, err, "a name that %s", fault);
  memcpy(out, name, size + 1);
  return GRPC_STATUS_OK;
}

void strategy_warn(strategy_reading *own, const strategy_node *node, const char *text) {
  char *all = own->out->warning;
  mesh_text_append(all, STRATEGY_WARNING_MAX, "%sline %d: %s", all[0] != '\0' ? "; " : "",
                   node->line, text);
}
