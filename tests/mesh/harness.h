// For tests: a loop that runs one fiber to its end.
#ifndef MILLRACE_TESTS_MESH_HARNESS_H
#define MILLRACE_TESTS_MESH_HARNESS_H

#include "mesh/runtime/fiber.h"
#include "tests/unit.h"

typedef struct harness {
  mesh_loop *loop;
  mesh_scope scope;  // for the test's fibers
  void (*run)(struct harness *harness, void *arg);
  void *arg;
} harness;

// Runs run(harness, arg) in a fiber on a new loop, waits for every fiber of harness->scope, and
// takes the loop down.
void run_in_fiber(void (*run)(harness *harness, void *arg), void *arg);

#endif
