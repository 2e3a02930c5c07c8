// model_text: trained models as text. Pure.
#ifndef MILLRACE_CLI_MODEL_TEXT_H
#define MILLRACE_CLI_MODEL_TEXT_H

#include <stdio.h>

#include "millrace/v1/learning.pb-c.h"

// A table: its head, and a line a model.
void model_print_header(FILE *out);
void model_print_row(FILE *out, const Millrace__V1__Model *model);

// Everything but the strategy's text and the list of features, with the loss of each epoch as a
// chart of at most `columns` columns.
void model_print_whole(FILE *out, const Millrace__V1__Model *model, int columns);

// Metrics of a part, a line, and a line a class.
void model_print_metrics(FILE *out, const char *what, const Millrace__V1__Metrics *metrics);

#endif
