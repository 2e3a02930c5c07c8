// millrace-backend: see backend/backend.h.
#include "backend/backend.h"
#include "protos/descriptors.h"

int main(int argc, char **argv) {
  backend_extension product = {.descriptors = {millrace_descriptors, millrace_descriptors_size}};
  return backend_main(argc, argv, &product);
}
