#include <ctype.h>
#include <math.h>
#include <string.h>

#include "host/training/features/table.h"
#include "mesh/program/closest.h"

enum { NAME_MAX_BYTES = 64 };

// By name.
static const train_indicator *const table[] = {
    &train_indicator_accumulationdistribution,
    &train_indicator_adx,
    &train_indicator_aroon,
    &train_indicator_atr,
    &train_indicator_bollingerbands,
    &train_indicator_bollingerbandwidth,
    &train_indicator_cci,
    &train_indicator_cmf,
    &train_indicator_distancefromma,
    &train_indicator_donchianchannels,
    &train_indicator_exponentialmovingaverage,
    &train_indicator_fishertransform,
    &train_indicator_ichimoku,
    &train_indicator_keltnerchannels,
    &train_indicator_macd,
    &train_indicator_mfi,
    &train_indicator_momentum,
    &train_indicator_obv,
    &train_indicator_parabolicsar,
    &train_indicator_roc,
    &train_indicator_rsi,
    &train_indicator_rvi,
    &train_indicator_simplemovingaverage,
    &train_indicator_squeezeintensity,
    &train_indicator_stochastic,
    &train_indicator_supertrend,
    &train_indicator_volumeratio,
    &train_indicator_vwap,
    &train_indicator_weightedmovingaverage,
    &train_indicator_williamsr,
    &train_indicator_zigzag,
};

enum { COUNT = sizeof table / sizeof *table };

// "Bollinger_Bands" -> "bollingerbands"
static void normalise(const char *type, char out[NAME_MAX_BYTES]) {
  size_t size = 0;
  for (; *type != '\0' && size + 1 < NAME_MAX_BYTES; type++) {
    if (isalnum((unsigned char)*type)) out[size++] = (char)tolower((unsigned char)*type);
  }
  out[size] = '\0';
}

static bool is_called(const train_indicator *row, const char *name) {
  size_t size = strlen(name);
  if (strcmp(row->name, name) == 0) return true;
  for (const char *at = row->aliases; *at != '\0'; at += strcspn(at, " ") + 1) {
    if (strcspn(at, " ") == size && memcmp(at, name, size) == 0) return size > 0;
  }
  return false;
}

const train_indicator *train_indicator_find(const char *type, const char **closest) {
  char name[NAME_MAX_BYTES];
  const char *names[COUNT];
  normalise(type, name);
  for (size_t i = 0; i < COUNT; i++) {
    names[i] = table[i]->name;
    if (is_called(table[i], name)) return table[i];
  }
  if (closest != NULL) *closest = mesh_closest(name, names, COUNT);
  return NULL;
}

const train_indicator *train_indicator_at(size_t index) {
  return index < COUNT ? table[index] : NULL;
}

mesh_code train_indicator_check(const train_indicator *indicator, const double *parameters,
                                mesh_error *err) {
  for (int i = 0; i < TRAIN_PARAMETERS_MAX && indicator->parameters[i].name != NULL; i++) {
    const train_parameter *want = &indicator->parameters[i];
    double number = parameters[i];
    bool whole = !want->whole || floor(number) == number;
    if (number >= want->least && number <= want->most && whole) continue;
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s %s: %g: use a %snumber from %g to %g",
                     indicator->name, want->name, number, want->whole ? "whole " : "", want->least,
                     want->most);
  }
  return GRPC_STATUS_OK;
}
