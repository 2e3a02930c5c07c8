// dump ROWS: columns open, high, low, close, volume as raw doubles on standard input, then a
// command a line; answers a line with the names of columns, then those, raw. For tests/reference.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/features/fuzzy.h"
#include "host/training/features/indicator.h"
#include "host/training/features/labels.h"

enum { COLUMNS = 5, LINE_MAX_BYTES = 512, WORDS_MAX = 12 };

typedef struct words {
  char *all[WORDS_MAX];
  int count;
} words;

static double *make(size_t count) {
  double *column = calloc(count + 1, sizeof *column);
  if (column == NULL) abort();
  return column;
}

static void write_column(const double *column, size_t count) {
  fwrite(column, sizeof *column, count, stdout);
}

static void list(void) {
  for (size_t i = 0; train_indicator_at(i) != NULL; i++)
    printf("%s ", train_indicator_at(i)->name);
  printf("\n");
}

static void run_indicator(const train_bars *bars, const words *given) {
  const train_indicator *row = train_indicator_find(given->all[1], NULL);
  double parameters[TRAIN_PARAMETERS_MAX] = {0}, *outputs[TRAIN_OUTPUTS_MAX];
  for (int i = 2; i < given->count; i++)
    parameters[i - 2] = strtod(given->all[i], NULL);
  mesh_error err;
  if (row == NULL || train_indicator_check(row, parameters, &err) != GRPC_STATUS_OK) {
    printf("error %s\n", row == NULL ? "no such indicator" : err.message);
    return;
  }
  for (int i = 0; i < TRAIN_OUTPUTS_MAX; i++)
    outputs[i] = make(bars->count);
  row->compute(&(train_input){*bars, bars->close, parameters, NULL}, outputs);
  for (int i = 0; row->outputs[i] != NULL; i++)
    printf("%s ", row->outputs[i]);
  printf("\n");
  for (int i = 0; row->outputs[i] != NULL; i++)
    write_column(outputs[i], bars->count);
  for (int i = 0; i < TRAIN_OUTPUTS_MAX; i++)
    free(outputs[i]);
}

static void run_membership(const train_bars *bars, const words *given) {
  train_membership shape = {0};
  mesh_error err = {.message = "no such shape"};
  bool ok = train_shape_find(given->all[1], &shape.shape);
  for (int i = 2; i < given->count && i < 2 + TRAIN_SHAPE_PARAMETERS_MAX; i++)
    shape.parameters[i - 2] = strtod(given->all[i], NULL);
  if (!ok || train_membership_check(&shape, &err) != GRPC_STATUS_OK) {
    printf("error %s\n", err.message);
    return;
  }
  double *out = make(bars->count);
  train_membership_apply(NULL, &shape, bars->close, bars->count, out);
  printf("membership\n");
  write_column(out, bars->count);
  free(out);
}

static train_label_options read_options(const words *given) {
  const char *source = given->all[1];
  train_label_options out = train_label_defaults(TRAIN_ZIGZAG);
  out.zigzag_threshold = strtod(given->all[2], NULL);
  if (strcmp(source, "zigzag") == 0) return out;
  out.source = TRAIN_FORWARD_RETURN;
  out.horizon = atoi(given->all[2]);
  if (strcmp(source, "forward_return") == 0) return out;
  out.source = TRAIN_TRIPLE_BARRIER;
  out.pt_multiplier = strtod(given->all[2], NULL);
  out.sl_multiplier = strtod(given->all[3], NULL);
  out.max_holding_period = atoi(given->all[4]);
  out.vol_span = atoi(given->all[5]);
  out.vol_atr = strcmp(given->all[6], "atr") == 0;
  return out;
}

static void run_labels(const train_bars *bars, const words *given) {
  train_label_options options = read_options(given);
  double *out = make(bars->count);
  mesh_error err;
  if (train_labels(NULL, bars, bars->close, &options, out, &err) != GRPC_STATUS_OK) {
    printf("error %s\n", err.message);
  } else {
    printf("labels\n");
    write_column(out, bars->count);
  }
  free(out);
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  double *columns[COLUMNS];
  for (int i = 0; i < COLUMNS; i++) {
    columns[i] = make(count);
    if (fread(columns[i], sizeof(double), count, stdin) != count) return 1;
  }
  train_bars bars = {count, NULL, columns[0], columns[1], columns[2], columns[3], columns[4]};
  for (char line[LINE_MAX_BYTES]; fgets(line, sizeof line, stdin) != NULL;) {
    words given = {.count = 0};
    for (char *word = strtok(line, " \n"); word != NULL && given.count < WORDS_MAX;
         word = strtok(NULL, " \n"))
      given.all[given.count++] = word;
    if (given.count == 0) continue;
    if (strcmp(given.all[0], "list") == 0) {
      list();
    } else if (strcmp(given.all[0], "indicator") == 0) {
      run_indicator(&bars, &given);
    } else if (strcmp(given.all[0], "membership") == 0) {
      run_membership(&bars, &given);
    } else {
      run_labels(&bars, &given);
    }
    fflush(stdout);
  }
  for (int i = 0; i < COLUMNS; i++)
    free(columns[i]);
  return 0;
}
