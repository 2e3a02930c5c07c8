#include "mesh/program/closest.h"

#include <string.h>
#include <strings.h>

enum { LETTERS_MAX = 63 };

static int smaller(int a, int b) {
  return a < b ? a : b;
}

static int differs(const char *left, const char *right) {
  return strncasecmp(left, right, 1) != 0;
}

// Optimal string alignment. Row `i` holds the slips between the first `i` letters of `left` and
// each beginning of `right`; a swap looks two rows back, so three rows are kept.
int mesh_closest_slips(const char *left, const char *right) {
  size_t height = strnlen(left, LETTERS_MAX), width = strnlen(right, LETTERS_MAX);
  int rows[3][LETTERS_MAX + 1];
  for (size_t j = 0; j <= width; j++)
    rows[0][j] = (int)j;
  for (size_t i = 1; i <= height; i++) {
    int *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
    row[0] = (int)i;
    for (size_t j = 1; j <= width; j++) {
      const char *a = left + i - 1, *b = right + j - 1;
      row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + differs(a, b));
      if (i > 1 && j > 1 && !differs(a, b - 1) && !differs(a - 1, b)) {
        row[j] = smaller(row[j], higher[j - 2] + 1);
      }
    }
  }
  return rows[height % 3][width];
}

const char *mesh_closest(const char *word, const char *const *words, size_t count) {
  const char *best = NULL;
  int fewest = (int)(strlen(word) + 2) / 3 + 1;  // of a third, rounded up, one too many
  for (size_t i = 0; i < count; i++) {
    int slips = mesh_closest_slips(word, words[i]);
    if (slips >= fewest) continue;
    best = words[i];
    fewest = slips;
  }
  return best;
}
