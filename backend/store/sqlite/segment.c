// A segment: the bars of one answered interval, its coverage and the event that reports it.
#include "backend/store/sqlite/internal.h"

// The event first: it may be refused, and then nothing else must have changed.
static mesh_code run_segment(store *store, store_write *write, mesh_error *err) {
  int64_t series = 0;
  mesh_code code = GRPC_STATUS_OK;
  if (write->segment.event != NULL) code = store_write_event(store, write->segment.event, err);
  if (code == GRPC_STATUS_OK) {
    code = store_find_or_add_series(store, write->segment.key, &series, err);
  }
  if (code == GRPC_STATUS_OK) code = store_write_bars(store, series, write->segment.bars, err);
  const store_ledger *ledger = write->segment.ledger;
  for (size_t i = 0; ledger != NULL && i < ledger->count && code == GRPC_STATUS_OK; i++)
    code = store_write_coverage(store, series, &ledger->parts[i], err);
  return code;
}

static void fill_segment(store_write *write, const series_key *key, const store_ledger *ledger,
                         const store_bars *bars, const store_event *event) {
  write->run = run_segment;
  write->segment.key = key;
  write->segment.ledger = ledger;
  write->segment.bars = bars;
  write->segment.event = event;
}

void store_start_segment(store *store, const series_key *key, const store_ledger *ledger,
                         const store_bars *bars, const store_event *event, store_write *write) {
  fill_segment(write, key, ledger, bars, event);
  store_submit(store, write);
}

mesh_code store_put_segment(store *store, const series_key *key, const store_ledger *ledger,
                            const store_bars *bars, const store_event *event, mesh_error *err) {
  store_write write;
  fill_segment(&write, key, ledger, bars, event);
  return store_submit_and_wait(store, &write, err);
}
