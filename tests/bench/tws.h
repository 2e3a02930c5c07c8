// bench: the shortest path to a gateway: a plain TWS connection, one hop, one thread.
// What fails ends the benchmark with a line that says what.
#ifndef MILLRACE_TESTS_BENCH_TWS_H
#define MILLRACE_TESTS_BENCH_TWS_H

#include <stdint.h>

// Connects to a gateway on 127.0.0.1 and starts the API; returns the socket.
int tws_connect(int port, int client_id);

// Asks for one day of hourly bars of `symbol`.
void tws_request_bars(int fd, int64_t request, const char *symbol);

void tws_cancel_bars(int fd, int64_t request);

#endif
