// train_indicator: technical indicators. One row of a table each, one file each; one pass over the
// columns. Pure functions of doubles: any thread.
#ifndef MILLRACE_HOST_TRAINING_FEATURES_INDICATOR_H
#define MILLRACE_HOST_TRAINING_FEATURES_INDICATOR_H

#include "host/training/bars.h"
#include "host/training/stop.h"
#include "mesh/runtime/status.h"

enum { TRAIN_PARAMETERS_MAX = 8, TRAIN_OUTPUTS_MAX = 8 };

// A number that an indicator is configured by.
typedef struct train_parameter {
  const char *name;  // "period", as strategy files write it
  double standard;   // where the file names none
  double least, most;
  bool whole;  // no fraction
} train_parameter;

// What an indicator is computed from. `source` is the column that the file's `source` names (close
// by default); `parameters` are in the order of the row.
typedef struct train_input {
  train_bars bars;
  const double *source;
  const double *parameters;
  train_stop *stop;  // may be NULL
} train_input;

typedef struct train_indicator {
  const char *name;     // "bollingerbands": lower case, without separators
  const char *summary;  // for people: the formula's name and its source
  const char *aliases;  // other names of the type, each followed by a blank: "bbands bb "; "" none
  train_parameter parameters[TRAIN_PARAMETERS_MAX];  // ends at a NULL name
  const char *outputs[TRAIN_OUTPUTS_MAX];  // ends at NULL; the first one counts where none is named
  bool needs_volume;
  // Fills outputs[i][0 .. bars.count - 1] for each output; NaN where there is no value yet (the
  // warm-up rows) or the input is NaN. May allocate (out of memory aborts), never fails. Looks at
  // input->stop, and leaves the outputs unfinished once it was asked to.
  void (*compute)(const train_input *input, double *const outputs[]);
} train_indicator;

// The indicator of a strategy file's `type`: case and separators ("_", "-", " ") do not count. NULL
// if there is none; *closest (may be NULL) is then the name most like it.
const train_indicator *train_indicator_find(const char *type, const char **closest);

// All of them, by name: index 0, 1, ...; NULL after the last.
const train_indicator *train_indicator_at(size_t index);

// Checks numbers against the row (period 3 < slow 2, not whole, out of range): INVALID_ARGUMENT
// names the parameter, the number and what would be right.
MESH_NODISCARD mesh_code train_indicator_check(const train_indicator *indicator,
                                               const double *parameters, mesh_error *err);

#endif
