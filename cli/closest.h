// closest: the known word that a mistyped one was meant to be.
#ifndef MILLRACE_CLI_CLOSEST_H
#define MILLRACE_CLI_CLOSEST_H

#include <stddef.h>

// How many letters must be changed, added, dropped or swapped with their neighbour to make `left`
// of `right`; ASCII case counts for nothing. Words are compared up to 63 bytes.
int closest_distance(const char *left, const char *right);

// The nearest of `count` words, where at most a third of the letters differ; NULL if none is near.
// Returns one of `words`.
const char *closest_word(const char *word, const char *const *words, size_t count);

#endif
