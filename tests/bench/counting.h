// bench: a backend that counts and its counter host, as processes in a directory of their own.
#ifndef MILLRACE_TESTS_BENCH_COUNTING_H
#define MILLRACE_TESTS_BENCH_COUNTING_H

#include <sys/types.h>

#include "millrace/test/v1/counter.pb-c.h"
#include "tests/bench/backend_client.h"

typedef struct bench_counting {
  char *home;             // removed at the end
  char *backend_address;  // "unix:..."
  char *host_address;
  pid_t host, backend;
} bench_counting;

// Starts both and waits until they listen.
void bench_counting_start(bench_counting *mesh);
void bench_counting_stop(bench_counting *mesh);

// Resident memory of a running process, in bytes, without what it shares with files.
int64_t bench_memory(pid_t pid);

// CounterService/Count on a link. Release it with mesh_call_close().
mesh_call *bench_count(backend_client *client, mesh_link *link,
                       Millrace__Test__V1__CountRequest *request, bool detached);

#endif
