#include "backend/data/settled.h"

#include "backend/data/judge.h"
#include "mesh/runtime/time.h"

bool settled_by_later_bar(store *store, const series_key *key, const timeframe *frame,
                          const open_interval *open) {
  int64_t time_s;
  double values[5];
  store_columns first = {1,          &time_s,    &values[0], &values[1],
                         &values[2], &values[3], &values[4], NULL};
  size_t count = 0;
  mesh_error err;
  mesh_code code = store_read_bars(store, key, open->at.to_s, INT64_MAX, &first, &count, &err);
  if (code != GRPC_STATUS_OK || count == 0) return false;
  int64_t end_s = timeframe_end(frame, time_s);
  return mesh_time_add(end_s, mesh_time_add(frame->seconds, JUDGE_SETTLE_S)) <= open->asked_s;
}
