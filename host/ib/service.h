// The IbHost service: gRPC methods over one session with a gateway. On the session's loop.
#ifndef MILLRACE_HOST_IB_SERVICE_H
#define MILLRACE_HOST_IB_SERVICE_H

#include "host/ib/session.h"
#include "mesh/rpc/service.h"

enum { IB_HEADS_MAX = 64 };

// First bars that the gateway told: it must not be asked the same again within 15 s, and the series
// of one contract ask one behind the other.
typedef struct ib_known_head {
  ib_series series;
  const char *source;  // whose; static. NULL: nothing is known here
  int64_t time_s;
  int64_t until_ns;  // monotonic: how long it is taken for true
} ib_known_head;

// Somebody who asks the gateway for a first bar; in its fiber.
typedef struct ib_head_asker {
  const ib_series *series;
  struct ib_head_asker *next;
} ib_head_asker;

typedef struct ib_service {
  mesh_service service;  // add this one to a server
  ib_session *session;
  uint64_t next_operation;  // numbers the fetches that nobody named
  ib_known_head heads[IB_HEADS_MAX];
  int next_head;
  ib_head_asker *askers;  // one for each series
  mesh_signal asked;      // one of them has its answer, or none
} ib_service;

// Prepares the caller's storage; `session` is borrowed for as long as the service is served.
void ib_service_init(ib_service *self, ib_session *session);

#endif
