#include "cli/bars.h"

#include <stdlib.h>
#include <string.h>

#include "cli/terminal/times.h"

// ---- the window ----

static mesh_code read_time(const args *given, const char *flag, Google__Protobuf__Timestamp *time,
                           Google__Protobuf__Timestamp **out, mesh_error *err) {
  google__protobuf__timestamp__init(time);
  *out = NULL;
  const char *text = args_get(given, flag);
  if (text == NULL) return GRPC_STATUS_OK;
  *out = time;
  char what[32] = "--";
  strncat(what, flag, sizeof what - 3);
  return times_parse(what, text, &time->seconds, err);
}

mesh_code bars_window_read(const args *given, bars_window *out, mesh_error *err) {
  mesh_code code = read_time(given, "from", &out->from_time, &out->from, err);
  if (code == GRPC_STATUS_OK) code = read_time(given, "to", &out->to_time, &out->to, err);
  if (code != GRPC_STATUS_OK || out->from == NULL || out->to == NULL) return code;
  if (out->from->seconds < out->to->seconds) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--from %s is not before --to %s",
                   args_get(given, "from"), args_get(given, "to"));
}

// ---- reading ----

typedef struct stream_target {
  bars_each each;
  void *arg;
} stream_target;

static bool is_rectangular(const Millrace__V1__BarBatch *batch) {
  size_t count = batch->n_times;
  return batch->n_open == count && batch->n_high == count && batch->n_low == count &&
         batch->n_close == count && batch->n_volume == count;
}

static mesh_code take_batch(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  stream_target *target = arg;
  Millrace__V1__BarBatch *batch =
      millrace__v1__bar_batch__unpack(NULL, frame.size_bytes, frame.data);
  if (batch == NULL) return client_bad_reply("BarBatch", err);
  mesh_code code = is_rectangular(batch) ? target->each(batch, target->arg, err)
                                         : client_bad_reply("BarBatch with equal columns", err);
  millrace__v1__bar_batch__free_unpacked(batch, NULL);
  return code;
}

mesh_code bars_stream(client *own, const Millrace__V1__ReadRequest *request, bars_each each,
                      void *arg, mesh_error *err) {
  stream_target target = {each, arg};
  return client_call(own, "/millrace.v1.DataService/Read", &request->base, take_batch, &target,
                     err);
}

static void append(void **column, size_t count, const void *more, size_t more_count) {
  void *grown = realloc(*column, (count + more_count + 1) * 8);
  if (grown == NULL) abort();
  memcpy((char *)grown + count * 8, more, more_count * 8);
  *column = grown;
}

static mesh_code keep(const Millrace__V1__BarBatch *batch, void *arg, mesh_error *err) {
  (void)err;
  bars *out = arg;
  size_t more = batch->n_times;
  if (more == 0) return GRPC_STATUS_OK;
  append((void **)&out->times, out->count, batch->times, more);
  append((void **)&out->open, out->count, batch->open, more);
  append((void **)&out->high, out->count, batch->high, more);
  append((void **)&out->low, out->count, batch->low, more);
  append((void **)&out->close, out->count, batch->close, more);
  append((void **)&out->volume, out->count, batch->volume, more);
  out->count += more;
  return GRPC_STATUS_OK;
}

mesh_code bars_read(client *own, const Millrace__V1__ReadRequest *request, bars *out,
                    mesh_error *err) {
  return bars_stream(own, request, keep, out, err);
}

void bars_clear(bars *own) {
  free(own->times);
  free(own->open);
  free(own->high);
  free(own->low);
  free(own->close);
  free(own->volume);
  *own = (bars){0};
}
