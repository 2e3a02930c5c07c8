#include "host/training/features/fuzzy.h"

#include <float.h>
#include <math.h>
#include <strings.h>

static const struct {
  const char *name;
  int parameters;
} shapes[] = {[TRAIN_TRIANGULAR] = {"triangular", 3},
              [TRAIN_TRAPEZOIDAL] = {"trapezoidal", 4},
              [TRAIN_GAUSSIAN] = {"gaussian", 2},
              [TRAIN_SIGMOID] = {"sigmoid", 2}};

bool train_shape_find(const char *name, train_shape *out) {
  for (int i = 0; i < 4; i++) {
    if (strcasecmp(shapes[i].name, name) != 0) continue;
    *out = (train_shape)i;
    return true;
  }
  return false;
}

int train_shape_parameters(train_shape shape) {
  return shapes[shape].parameters;
}

mesh_code train_membership_check(const train_membership *membership, mesh_error *err) {
  const double *p = membership->parameters;
  int count = shapes[membership->shape].parameters;
  bool ordered = membership->shape <= TRAIN_TRAPEZOIDAL;
  for (int i = 0; i < count; i++) {
    if (!isfinite(p[i])) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "parameter %d is %g", i + 1, p[i]);
    }
    if (ordered && i > 0 && p[i] < p[i - 1]) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "%s parameters must not fall: %g comes after %g",
                       shapes[membership->shape].name, p[i], p[i - 1]);
    }
  }
  if (membership->shape != TRAIN_GAUSSIAN || p[1] > 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "gaussian sigma %g must be more than 0",
                   p[1]);
}

// A flank's width, never 0.
static double width(double from, double to) {
  return fmax(to - from, DBL_EPSILON);
}

// [a, b, c] is [a, b, b, c], whose 1 at b wins over the 0 outside.
static double trapezoid(double x, double a, double b, double c, double d) {
  if (x >= b && x <= c) return 1;
  if (x <= a || x >= d) return 0;
  return x < b ? (x - a) / width(a, b) : (d - x) / width(c, d);
}

static double value_of(const train_membership *own, double x) {
  const double *p = own->parameters;
  switch (own->shape) {
    case TRAIN_TRIANGULAR:
      return trapezoid(x, p[0], p[1], p[1], p[2]);
    case TRAIN_TRAPEZOIDAL:
      return trapezoid(x, p[0], p[1], p[2], p[3]);
    case TRAIN_GAUSSIAN:
      return exp(-(x - p[0]) / p[1] * ((x - p[0]) / p[1]) / 2);
    default:
      return 1 / (1 + exp(-p[1] * (x - p[0])));
  }
}

void train_membership_apply(train_stop *stop, const train_membership *membership,
                            const double *values, size_t count, double *out) {
  TRAIN_EACH(stop, i, 0, count, 1)
    out[i] = isnan(values[i]) ? NAN : value_of(membership, values[i]);
}
