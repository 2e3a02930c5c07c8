#include "tools/papergate/gateway.h"

#include "tools/papergate/messages.h"
#include "tools/papergate/query.h"
#include "tools/papergate/session.h"

mesh_code pg_gateway_open(pg_gateway *gateway, const pg_options *options, mesh_error *err) {
  *gateway = (pg_gateway){.options = *options};
  mesh_code code =
      pg_outages_parse(options->connectivity, gateway->outages, &gateway->outage_count, err);
  if (code != GRPC_STATUS_OK) return code;
  pg_market *market = NULL;
  code = pg_market_load(options->market, &market, err);
  if (code != GRPC_STATUS_OK) return code;
  gateway->catalog = pg_catalog_create(market, (pg_catalog_settings){
                                                   .seed = (uint64_t)options->seed,
                                                   .walk_start = options->syn_start,
                                               });
  if (gateway->catalog == NULL) {
    return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory");
  }
  code = pg_log_open(&gateway->log, options->log, err);
  if (code != GRPC_STATUS_OK) {
    pg_catalog_destroy(gateway->catalog);
    return code;
  }
  gateway->clock = pg_clock_start(options->now, options->clock_speed);
  return GRPC_STATUS_OK;
}

void pg_gateway_close(pg_gateway *gateway) {
  for (int i = 0; i < gateway->outage_count; i++) {
    pg_timer_stop(&gateway->outages[i].timer);
  }
  pg_catalog_destroy(gateway->catalog);
  pg_pacing_fini(&gateway->pacing);
  pg_log_close(&gateway->log);
  ib_outbox_fini(&gateway->rows);
}

static const char *outage_text(int64_t code) {
  switch (code) {
    case PG_CODE_CONNECTION_LOST:
      return "Connectivity between IBKR and Trader Workstation has been lost.";
    case PG_CODE_RESTORED_DATA_LOST:
      return "Connectivity between IBKR and Trader Workstation has been restored - data lost.";
    default:
      return "Connectivity between IBKR and Trader Workstation has been restored - data "
             "maintained. All data farms are connected: usfarm; ushmds; secdefil.";
  }
}

// Tells every client, then does to its queries what the code says.
static void on_outage(pg_timer *timer) {
  pg_outage *outage = (pg_outage *)((char *)timer - offsetof(pg_outage, timer));
  pg_gateway *gateway = outage->owner;
  gateway->lost = outage->code == PG_CODE_CONNECTION_LOST;
  for (pg_session *session = gateway->sessions; session != NULL; session = session->next) {
    if (session->phase != PG_PHASE_READY) continue;
    pg_session_error(session, -1, (int)outage->code, "%s", outage_text(outage->code));
    if (outage->code == PG_CODE_RESTORED_DATA_LOST) pg_queries_drop(session);
    if (outage->code == PG_CODE_RESTORED) pg_queries_release(session);
  }
}

pg_fault pg_gateway_count_request(pg_gateway *gateway) {
  gateway->requests++;
  for (int i = 0; i < gateway->outage_count; i++) {
    pg_outage *outage = &gateway->outages[i];
    if (outage->request != gateway->requests) continue;
    outage->owner = gateway;
    outage->timer.fire = on_outage;
    pg_timer_start(&gateway->timers, &outage->timer,
                   pg_monotonic_ns() + outage->delay_ms * 1000000);
  }
  return pg_fault_of(&gateway->options, gateway->requests);
}
