// The HostsService: the host programs that this backend calls, and how to empty one.
#ifndef MILLRACE_BACKEND_HOSTS_SERVICE_H
#define MILLRACE_BACKEND_HOSTS_SERVICE_H

#include "mesh/rpc/service.h"

typedef struct hosts_entry {
  const char *name;  // "ib-host"
  mesh_link *link;
} hosts_entry;

typedef struct hosts_service {
  mesh_service service;  // millrace.v1.HostsService: add this one to a server
  const hosts_entry *hosts;
  size_t count;
} hosts_service;

// Prepares the caller's storage; `hosts` is borrowed.
void hosts_service_init(hosts_service *self, const hosts_entry *hosts, size_t count);

#endif
