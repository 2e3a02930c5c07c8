#include "host/training/trainer/internal.h"

bool trainer_is_finished(const trainer *own) {
  return own->counts.epoch >= own->setup.epochs || own->counts.stopped_early != 0;
}

trainer_progress trainer_progress_of(const trainer *own) {
  const trainer_counts *counts = &own->counts;
  int64_t rows = (int64_t)own->rows.count, batch = own->setup.strategy->learning.batch_rows;
  double done = (double)counts->done;
  return (trainer_progress){
      .epoch = (int)counts->epoch + !trainer_is_finished(own),
      .epochs = own->setup.epochs,
      .rows_done = counts->epoch * rows + counts->done,
      .rows = own->setup.epochs * rows,
      .step = own->state.step,
      .steps = own->setup.epochs * ((rows + batch - 1) / batch),
      .samples_per_s = own->numbers.seconds > 0 ? done / own->numbers.seconds : 0,
      .loss = own->numbers.loss_sum / done,
      .accuracy = (double)counts->correct / done};
}

const trainer_epoch *trainer_epoch_at(const trainer *own, size_t index) {
  return index < (size_t)own->counts.epoch ? &own->epochs[index] : NULL;
}

const trainer_epoch *trainer_last_epoch(const trainer *own) {
  return own->counts.epoch > 0 ? &own->epochs[own->counts.epoch - 1] : NULL;
}

bool trainer_stopped_early(const trainer *own) {
  return own->counts.stopped_early != 0;
}
