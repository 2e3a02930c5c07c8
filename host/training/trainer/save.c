#include <stdlib.h>
#include <string.h>

#include "host/training/trainer/internal.h"

enum {
  NUMBERS = sizeof(trainer_numbers) / sizeof(double),
  COUNTS = sizeof(trainer_counts) / sizeof(int64_t),
  METRIC_NUMBERS = 3 + 4 * TRAIN_CLASSES,
  EPOCH_NUMBERS = 6 + 2 * METRIC_NUMBERS,
};

_Static_assert(sizeof(trainer_metrics) == METRIC_NUMBERS * 8, "metrics are numbers of 8 bytes");

// An epoch as numbers that go through a file bit for bit.
static double *pack_metrics(const trainer_metrics *from, double *out) {
  *out++ = (double)from->rows;
  *out++ = from->loss;
  *out++ = from->accuracy;
  for (int i = 0; i < TRAIN_CLASSES; i++) {
    *out++ = (double)from->classes[i].rows;
    *out++ = from->classes[i].precision;
    *out++ = from->classes[i].recall;
    *out++ = from->classes[i].f1;
  }
  return out;
}

static const double *unpack_metrics(const double *from, trainer_metrics *out) {
  out->rows = (int64_t)*from++;
  out->loss = *from++;
  out->accuracy = *from++;
  for (int i = 0; i < TRAIN_CLASSES; i++) {
    out->classes[i].rows = (int64_t)*from++;
    out->classes[i].precision = *from++;
    out->classes[i].recall = *from++;
    out->classes[i].f1 = *from++;
  }
  return from;
}

static void pack_epoch(const trainer_epoch *from, double *out) {
  double *at = pack_metrics(&from->validation, pack_metrics(&from->train, out));
  double rest[6] = {from->epoch, from->learning_rate, from->samples_per_s,
                    from->best,  (double)from->step,  from->waited};
  memcpy(at, rest, sizeof rest);
}

static void unpack_epoch(const double *from, trainer_epoch *out) {
  const double *at = unpack_metrics(unpack_metrics(from, &out->train), &out->validation);
  out->epoch = (int)at[0];
  out->learning_rate = at[1];
  out->samples_per_s = at[2];
  out->best = at[3] != 0;
  out->step = (int64_t)at[4];
  out->waited = (int)at[5];
}

// `epochs` of the file is made here, and read from there.
static double *make_epochs(size_t count) {
  double *made = calloc(count * EPOCH_NUMBERS + 1, sizeof *made);
  if (made == NULL) abort();
  return made;
}

mesh_code trainer_save(trainer *own, tensors *out, mesh_error *err) {
  mesh_code code = train_engine_store(own->setup.engine, &own->state, err);
  if (code != GRPC_STATUS_OK) return code;
  size_t parameters = own->state.parameter_count, epochs = (size_t)own->counts.epoch;
  own->saved_epochs = realloc(own->saved_epochs, (epochs * EPOCH_NUMBERS + 1) * sizeof(double));
  if (own->saved_epochs == NULL) abort();
  for (size_t i = 0; i < epochs; i++)
    pack_epoch(&own->epochs[i], own->saved_epochs + i * EPOCH_NUMBERS);
  tensors_add(out, "parameters", TENSOR_F32, parameters, 0, own->state.parameters);
  tensors_add(out, "first", TENSOR_F32, parameters, 0, own->state.first);
  tensors_add(out, "second", TENSOR_F32, parameters, 0, own->state.second);
  tensors_add(out, "best", TENSOR_F32, parameters, 0, own->best);
  tensors_add(out, "step", TENSOR_I64, 1, 0, &own->state.step);
  tensors_add(out, "numbers", TENSOR_F64, NUMBERS, 0, &own->numbers);
  tensors_add(out, "counts", TENSOR_I64, COUNTS, 0, &own->counts);
  tensors_add(out, "epochs", TENSOR_F64, epochs * EPOCH_NUMBERS, 0, own->saved_epochs);
  return GRPC_STATUS_OK;
}

static mesh_code take_epochs(trainer *own, const tensors *from, mesh_error *err) {
  size_t count = (size_t)own->counts.epoch;
  double *numbers = make_epochs(count);
  mesh_code code = tensors_get(from, "epochs", TENSOR_F64, count * EPOCH_NUMBERS, numbers, err);
  for (size_t i = 0; i < count && code == GRPC_STATUS_OK; i++)
    unpack_epoch(numbers + i * EPOCH_NUMBERS, &own->epochs[i]);
  free(numbers);
  return code;
}

static mesh_code take_counts(trainer *own, const tensors *from, mesh_error *err) {
  mesh_code code = tensors_get(from, "counts", TENSOR_I64, COUNTS, &own->counts, err);
  if (code != GRPC_STATUS_OK) return code;
  const trainer_counts *counts = &own->counts;
  if (counts->epoch >= 0 && counts->epoch <= own->setup.epochs && counts->done >= 0 &&
      (size_t)counts->done <= own->rows.count)
    return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "the checkpoint is of epoch %lld, row %lld: there are %d epochs of %zu rows",
                   (long long)counts->epoch + 1, (long long)counts->done, own->setup.epochs,
                   own->rows.count);
}

mesh_code trainer_restore(trainer *own, const tensors *from, mesh_error *err) {
  size_t count = own->state.parameter_count;
  mesh_code code = take_counts(own, from, err);
  if (code == GRPC_STATUS_OK) {
    code = tensors_get(from, "parameters", TENSOR_F32, count, own->state.parameters, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = tensors_get(from, "first", TENSOR_F32, count, own->state.first, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = tensors_get(from, "second", TENSOR_F32, count, own->state.second, err);
  }
  if (code == GRPC_STATUS_OK) code = tensors_get(from, "best", TENSOR_F32, count, own->best, err);
  if (code == GRPC_STATUS_OK) {
    code = tensors_get(from, "step", TENSOR_I64, 1, &own->state.step, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = tensors_get(from, "numbers", TENSOR_F64, NUMBERS, &own->numbers, err);
  }
  if (code == GRPC_STATUS_OK) code = take_epochs(own, from, err);
  if (code != GRPC_STATUS_OK) return code;
  own->shuffled = false;  // it may be another epoch's
  return train_engine_load(own->setup.engine, &own->state, err);
}
