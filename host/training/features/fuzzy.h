// train_fuzzy: membership functions of fuzzy sets. Pure functions: any thread.
#ifndef MILLRACE_HOST_TRAINING_FEATURES_FUZZY_H
#define MILLRACE_HOST_TRAINING_FEATURES_FUZZY_H

#include "host/training/stop.h"

typedef enum train_shape {
  TRAIN_TRIANGULAR,   // [a, b, c]: 1 at b, 0 at and outside a and c
  TRAIN_TRAPEZOIDAL,  // [a, b, c, d]: 1 between b and c, linear flanks
  TRAIN_GAUSSIAN,     // [mu, sigma > 0]: exp(-((x - mu) / sigma)^2 / 2)
  TRAIN_SIGMOID,      // [center, slope]: 1 / (1 + exp(-slope (x - center)))
} train_shape;

enum { TRAIN_SHAPE_PARAMETERS_MAX = 4 };

typedef struct train_membership {
  train_shape shape;
  double parameters[TRAIN_SHAPE_PARAMETERS_MAX];
} train_membership;

// The shape of a name ("triangular", any case); false if there is none.
bool train_shape_find(const char *name, train_shape *out);

// How many parameters a shape takes.
int train_shape_parameters(train_shape shape);

// INVALID_ARGUMENT: parameters that are not finite, out of order, or a sigma that is not positive.
MESH_NODISCARD mesh_code train_membership_check(const train_membership *membership,
                                                mesh_error *err);

// Fills out[i] with the membership (0..1) of values[i]; NaN stays NaN. `out` may be `values`.
// Looks at `stop` (may be NULL), and leaves the rest once it was asked to.
void train_membership_apply(train_stop *stop, const train_membership *membership,
                            const double *values, size_t count, double *out);

#endif
