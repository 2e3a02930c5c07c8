// What is odd in the series that a training reads: it learns from all of it.
#include "host/training/service/run.h"
#include "market/timeframe.h"
#include "mesh/runtime/text.h"

void training_run_look(const training_run *own, size_t which, char out[TRAINING_LOOK_MAX]) {
  const series_name *name = &own->names[which];
  const bar_columns *bars = &own->series[which];
  const timeframe *frame;
  bar_findings found = {0};
  char text[2 * EXAMINE_TEXT_MAX];
  out[0] = '\0';
  if (timeframe_parse(name->timeframe, &frame, NULL) != GRPC_STATUS_OK) return;
  bar_examiner examiner = bar_examiner_for(name->symbol, frame);
  for (size_t i = 0; i < bars->count; i++)
    bar_examine(&examiner, bars, i, bar_findings_add, &found);
  bar_examine_end(&examiner, bar_findings_add, &found);
  if (found.count == 0) return;
  bar_findings_text(&found, text);
  mesh_text_format(out, TRAINING_LOOK_MAX, "%.*s %s: %s", MESH_TEXT_SHOWN(name->symbol, 64),
                   name->timeframe, text);
}
