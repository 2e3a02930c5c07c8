// mesh_closest: the known word that a mistyped one was meant to be. Any thread.
#ifndef MILLRACE_MESH_PROGRAM_CLOSEST_H
#define MILLRACE_MESH_PROGRAM_CLOSEST_H

#include <stddef.h>

// How many typing slips lie between two words: a letter that is missing, added, wrong, or swapped
// with its neighbour is one. Upper and lower case are the same; only the first 63 bytes count.
int mesh_closest_slips(const char *left, const char *right);

// The one of `count` words that is the fewest slips away from `word`, the first of several; NULL
// where even that is more than a third of `word`'s letters.
const char *mesh_closest(const char *word, const char *const *words, size_t count);

#endif
