#include "host/training/stop.h"

void train_stop_ask(train_stop *stop) {
  atomic_store_explicit(&stop->asked, true, memory_order_relaxed);
}

bool train_stopped(train_stop *stop) {
  if (stop == NULL) return false;
  // Two threads that look at once may count once.
  size_t looks = atomic_load_explicit(&stop->looks, memory_order_relaxed);
  atomic_store_explicit(&stop->looks, looks + 1, memory_order_relaxed);
  return atomic_load_explicit(&stop->asked, memory_order_relaxed);
}

mesh_code train_stop_check(train_stop *stop, mesh_error *err) {
  if (!train_stopped(stop)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_CANCELLED, "it was asked to stop");
}
