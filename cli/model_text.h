// model_text: trained models as text. Pure: writes into a stream; messages are borrowed.
#ifndef MILLRACE_CLI_MODEL_TEXT_H
#define MILLRACE_CLI_MODEL_TEXT_H

#include <stdio.h>

#include "millrace/v1/learning.pb-c.h"

// The head of a table of models.
void model_print_header(FILE *out);

// One model, as a row of it.
void model_print_row(FILE *out, const Millrace__V1__Model *model);

// Everything but the strategy's text and the list of features, with the loss of each epoch as a
// chart of at most `columns` columns.
void model_print_whole(FILE *out, const Millrace__V1__Model *model, int columns);

// Metrics of a part, a line, and a line a class.
void model_print_metrics(FILE *out, const char *what, const Millrace__V1__Metrics *metrics);

#endif
