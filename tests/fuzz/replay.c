// Runs the inputs of a corpus through a fuzz target, for builds without libFuzzer: a regression
// test in every round.
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/target.h"

enum { INPUT_MAX = 1 << 20 };

static void run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  uint8_t *bytes = malloc(INPUT_MAX);
  if (bytes == NULL) abort();
  size_t size = fread(bytes, 1, INPUT_MAX, file);
  fclose(file);
  uint8_t *exact = malloc(size + 1);  // so that a sanitizer sees a read behind it
  if (exact == NULL) abort();
  for (size_t i = 0; i < size; i++)
    exact[i] = bytes[i];
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  free(bytes);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    run_file(argv[i]);
  printf("%d passed, 0 failed\n", argc - 1);
  return argc > 1 ? 0 : 1;
}
