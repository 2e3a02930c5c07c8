#include "cli/model_text.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/source.h"
#include "cli/terminal/chart.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "market/times.h"
#include "mesh/runtime/text.h"

enum { CHART_ROWS = 8, DATA_MAX = 512 };

static void format_time(const Google__Protobuf__Timestamp *time, char out[TIMES_TEXT_MAX]) {
  snprintf(out, TIMES_TEXT_MAX, "-");
  if (time != NULL) times_format_short(time->seconds, out);
}

// ---- a row ----

#define ROW "%-20s %4s %-16s %6s %8s %9s %8s"

void model_print_header(FILE *out) {
  row_print_more(out, "DATA", ROW, "NAME", "V", "TRAINED", "EPOCHS", "VAL LOSS", "TEST LOSS",
                 "TEST ACC");
}

static void format_loss(const Millrace__V1__Metrics *metrics, char out[NUMBERS_TEXT_MAX]) {
  snprintf(out, NUMBERS_TEXT_MAX, "-");
  if (metrics != NULL) snprintf(out, NUMBERS_TEXT_MAX, "%.4f", metrics->loss);
}

void model_print_row(FILE *out, const Millrace__V1__Model *model) {
  char created[TIMES_TEXT_MAX], version[NUMBERS_TEXT_MAX], epochs[NUMBERS_TEXT_MAX] = "-";
  char validation[NUMBERS_TEXT_MAX] = "-", test[NUMBERS_TEXT_MAX] = "-";
  char accuracy[NUMBERS_TEXT_MAX] = "-", data[DATA_MAX] = "";
  format_time(model->created, created);
  snprintf(version, sizeof version, "%d", model->version);
  const Millrace__V1__TrainResult *result = model->result;
  if (result != NULL) {
    snprintf(epochs, sizeof epochs, "%d", result->epochs);
    format_loss(result->validation, validation);
    format_loss(result->test, test);
    mesh_text_format(data, sizeof data, "%s %s", result->symbols, result->timeframes);
  }
  if (model->damaged[0] != '\0') mesh_text_format(data, sizeof data, "(damaged)");
  if (result != NULL && result->test != NULL) {
    snprintf(accuracy, sizeof accuracy, "%.1f %%", 100 * result->test->accuracy);
  }
  row_print_more(out, data, ROW, model->name, version, created, epochs, validation, test, accuracy);
}

// ---- all of it ----

void model_print_metrics(FILE *out, const char *what, const Millrace__V1__Metrics *metrics) {
  if (metrics == NULL) return;
  char rows[NUMBERS_TEXT_MAX];
  numbers_count(metrics->rows, rows);
  print_text(out, "%-11s %s rows, loss %.4f, accuracy %.1f %%\n", what, rows, metrics->loss,
             100 * metrics->accuracy);
  for (size_t i = 0; i < metrics->n_classes; i++) {
    const Millrace__V1__ClassMetrics *class = metrics->classes[i];
    numbers_count(class->rows, rows);
    print_text(out, "  %-5s %10s rows, precision %5.1f %%, recall %5.1f %%, F1 %.3f\n", class->name,
               rows, 100 * class->precision, 100 * class->recall, class->f1);
  }
}

static void print_series(FILE *out, const Millrace__V1__Model *model) {
  for (size_t i = 0; i < model->n_series; i++) {
    const Millrace__V1__SeriesUsed *used = model->series[i];
    char from[TIMES_TEXT_MAX] = "-", to[TIMES_TEXT_MAX] = "-", bars[NUMBERS_TEXT_MAX];
    if (used->window != NULL) {
      format_time(used->window->from, from);
      format_time(used->window->to, to);
    }
    numbers_count(used->bars, bars);
    row_print(out, "data        %s %s, %s: %s bars, %s..%s, sha256 %.12s", used->symbol,
              used->timeframe, source_shown(used->source), bars, from, to, used->sha256);
  }
}

// The loss of each epoch: of validation where there is one.
static void print_curve(FILE *out, const Millrace__V1__Model *model, int columns) {
  size_t count = model->n_epochs;
  double *losses = calloc(count + 1, sizeof *losses);
  if (losses == NULL) abort();
  for (size_t i = 0; i < count; i++) {
    const Millrace__V1__EpochReport *epoch = model->epochs[i];
    const Millrace__V1__Metrics *metrics =
        epoch->validation != NULL ? epoch->validation : epoch->train;
    losses[i] = metrics != NULL ? metrics->loss : 0;
  }
  print_text(out, "%s loss, epochs 1 to %zu\n",
             count > 0 && model->epochs[0]->validation != NULL ? "validation" : "training", count);
  chart_draw(out, &(chart_series){NULL, losses, count}, columns, CHART_ROWS, !output_is_utf8());
  free(losses);
}

void model_print_whole(FILE *out, const Millrace__V1__Model *model, int columns) {
  char created[TIMES_TEXT_MAX], count[NUMBERS_TEXT_MAX];
  const Millrace__V1__TrainResult *result = model->result;
  format_time(model->created, created);
  print_text(out, "model       %s version %d\n", model->name, model->version);
  print_text(out, "trained     %s by %s, %s\n", created, model->operation, model->program);
  print_series(out, model);
  print_text(out, "features    %zu, warm-up rows: %s\n", model->n_features, model->warmup);
  if (result != NULL) {
    numbers_count(result->parameters, count);
    print_text(out, "network     %s parameters, on %s, seed %" PRIu64 "\n", count, result->device,
               result->seed);
    print_text(out, "epochs      %d%s, best %d, %.2f s\n", result->epochs,
               result->stopped_early ? " (stopped early)" : "", result->best_epoch,
               result->elapsed_s);
    model_print_metrics(out, "validation", result->validation);
    model_print_metrics(out, "test", result->test);
    print_text(out, "file        %" PRId64 " bytes, sha256 %s\n", result->bytes, result->sha256);
    row_print(out, "weights     sha256 %s", result->weights_sha256);
  }
  if (model->n_epochs > 1) print_curve(out, model, columns);
}
