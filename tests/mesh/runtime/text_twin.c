// text_twin: what mesh_text says of each text on standard input, for text_twin_test.py, which asks
// another decoder. In: a byte with the size, then so many bytes. Out: '1' if they are UTF-8, else
// '0'.
#include <stdio.h>

#include "mesh/runtime/text.h"

int main(void) {
  int size;
  while ((size = getchar()) != EOF) {
    char text[255];
    if (fread(text, 1, (size_t)size, stdin) != (size_t)size) return 1;
    putchar(mesh_text_valid_bytes(text, (size_t)size) == (size_t)size ? '1' : '0');
  }
  return 0;
}
