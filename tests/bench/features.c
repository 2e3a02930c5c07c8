// features: ten indicators and twelve memberships over a long series, beside pandas in the same
// run. Predicted: windows of 14 to 50 bars summed anew cost about 20 ns a bar and indicator, 0.4 us
// for all; pandas' rolling functions are compiled too, so 3 to 10 x where it stays out of Python.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/training/features/fuzzy.h"
#include "host/training/features/indicator.h"
#include "tests/bench/child.h"
#include "tests/bench/measure.h"

enum { BARS = 200000, ROUNDS = 5, MEMBERSHIPS = 12 };

// What tests/bench/features_peer.py computes, too.
static const char *const names[] = {"simplemovingaverage",
                                    "exponentialmovingaverage",
                                    "rsi",
                                    "macd",
                                    "bollingerbands",
                                    "atr",
                                    "stochastic",
                                    "adx",
                                    "donchianchannels",
                                    "roc"};

enum { INDICATORS = sizeof names / sizeof *names };

static int bars_count(void) {
  return bench_size(BARS, 5000);
}

static int rounds(void) {
  return bench_size(ROUNDS, 1);
}

static double *make(void) {
  double *column = calloc((size_t)bars_count(), sizeof *column);
  if (column == NULL) abort();
  return column;
}

static void fill(train_bars *bars, double *columns[5]) {
  double close = 100;
  srand(1);
  for (int i = 0; i < bars_count(); i++) {
    double open = close;
    close *= 1 + 0.001 * ((double)rand() / RAND_MAX - 0.5);
    columns[0][i] = open;
    columns[1][i] = fmax(open, close) * 1.0005;
    columns[2][i] = fmin(open, close) * 0.9995;
    columns[3][i] = close;
    columns[4][i] = 1000;
  }
  *bars =
      (train_bars){bars_count(), NULL, columns[0], columns[1], columns[2], columns[3], columns[4]};
}

static void compute(const train_bars *bars, double *outputs[TRAIN_OUTPUTS_MAX], double *member) {
  for (int i = 0; i < INDICATORS; i++) {
    const train_indicator *row = train_indicator_find(names[i], NULL);
    double parameters[TRAIN_PARAMETERS_MAX];
    for (int p = 0; p < TRAIN_PARAMETERS_MAX; p++)
      parameters[p] = row->parameters[p].standard;
    row->compute(&(train_input){*bars, bars->close, parameters, NULL}, outputs);
    if (i != 2) continue;
    for (int m = 0; m < MEMBERSHIPS; m++) {
      train_membership shape = {TRAIN_TRIANGULAR, {8.0 * m - 20, 8.0 * m, 8.0 * m + 20}};
      train_membership_apply(NULL, &shape, outputs[0], bars_count(), member);
    }
  }
}

int main(void) {
  double *columns[5], *outputs[TRAIN_OUTPUTS_MAX], *member = make(), rates[ROUNDS];
  train_bars bars;
  for (int i = 0; i < 5; i++)
    columns[i] = make();
  for (int i = 0; i < TRAIN_OUTPUTS_MAX; i++)
    outputs[i] = make();
  fill(&bars, columns);
  for (int round = 0; round < rounds(); round++) {
    int64_t start_ns = bench_now_ns();
    compute(&bars, outputs, member);
    rates[round] = bars_count() / ((double)(bench_now_ns() - start_ns) / 1e9);
  }
  double ours = bench_median(rates, (size_t)rounds()), pandas = 0;
  FILE *peer = popen("/usr/bin/python3 -W ignore tests/bench/features_peer.py", "r");
  if (peer == NULL || fscanf(peer, "%lf", &pandas) != 1) pandas = 0;
  if (peer != NULL) pclose(peer);
  printf("%d indicators and %d memberships of %d bars, median of %d\n", INDICATORS, MEMBERSHIPS,
         bars_count(), rounds());
  printf("  ours %.2f M bars/s", ours / 1e6);
  if (pandas > 0) printf("; pandas %.3f M bars/s: %.1f x", pandas / 1e6, ours / pandas);
  printf("\n");
  free(member);
  for (int i = 0; i < 5; i++)
    free(columns[i]);
  for (int i = 0; i < TRAIN_OUTPUTS_MAX; i++)
    free(outputs[i]);
  return pandas > 0 && bench_target("times pandas", ours / pandas, BENCH_AT_LEAST, 1, "x") ? 0 : 1;
}
