#include "cli/closest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { LENGTH_MAX = 63 };

static int least(int a, int b, int c) {
  int ab = a < b ? a : b;
  return ab < c ? ab : c;
}

static bool same(char left, char right) {
  return tolower((unsigned char)left) == tolower((unsigned char)right);
}

int closest_distance(const char *left, const char *right) {
  size_t rows = strnlen(left, LENGTH_MAX), columns = strnlen(right, LENGTH_MAX);
  int cost[LENGTH_MAX + 1][LENGTH_MAX + 1];  // of the first so many letters of each
  for (size_t i = 0; i <= rows; i++)
    cost[i][0] = (int)i;
  for (size_t j = 0; j <= columns; j++)
    cost[0][j] = (int)j;
  for (size_t i = 1; i <= rows; i++) {
    for (size_t j = 1; j <= columns; j++) {
      int change = cost[i - 1][j - 1] + !same(left[i - 1], right[j - 1]);
      cost[i][j] = least(change, cost[i - 1][j] + 1, cost[i][j - 1] + 1);
      bool swapped =
          i > 1 && j > 1 && same(left[i - 1], right[j - 2]) && same(left[i - 2], right[j - 1]);
      if (swapped && cost[i - 2][j - 2] + 1 < cost[i][j]) cost[i][j] = cost[i - 2][j - 2] + 1;
    }
  }
  return cost[rows][columns];
}

const char *closest_word(const char *word, const char *const *words, size_t count) {
  const char *best = NULL;
  int best_distance = (int)(strlen(word) + 2) / 3 + 1;
  for (size_t i = 0; i < count; i++) {
    int distance = closest_distance(word, words[i]);
    if (distance >= best_distance) continue;
    best = words[i];
    best_distance = distance;
  }
  return best;
}
