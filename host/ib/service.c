#include "host/ib/service.h"

#include "host/ib/service_internal.h"

void ib_service_init(ib_service *self, ib_session *session) {
  static const mesh_method methods[] = {
      {.name = "FetchBars", .run = ib_fetch_bars},
      {.name = "HeadTimestamp", .run = ib_head_timestamp},
      {.name = "ResolveContract", .run = ib_resolve_contract},
      {.name = "SearchSymbols", .run = ib_search_symbols},
      {.name = "WatchBars", .run = ib_watch_bars},
      {.name = "AwaitStopped", .run = ib_await_stopped},
      {.name = "Status", .run = ib_status},
  };
  *self = (ib_service){
      .service = {"millrace.v1.IbHost", methods, sizeof methods / sizeof *methods, self},
      .session = session};
}
