#include "tests/bench/tws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/ib/wire.h"
#include "tests/bench/child.h"

enum { REQ_HISTORICAL_DATA = 20, CANCEL_HISTORICAL_DATA = 25, NEXT_VALID_ID = 9, START_API = 71 };

// Sends all that is in `out` and forgets it.
static void flush(int fd, ib_outbox *out) {
  size_t size;
  const char *bytes = ib_outbox_pending(out, &size);
  if (out->failed || send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) {
    bench_die("the gateway does not take %zu bytes: %s", size, strerror(errno));
  }
  ib_outbox_fini(out);
}

// Reads messages until one whose first field is `id`; 0 stands for any.
static void wait_for_message(int fd, ib_inbox *in, int64_t id) {
  for (;;) {
    ib_message message;
    ib_take taken = ib_inbox_take(in, &message);
    if (taken == IB_TAKE_DONE) {
      ib_fields fields = ib_fields_of(message);
      if (id == 0 || ib_take_int(&fields, 0) == id) return;
      continue;
    }
    char *room = ib_inbox_reserve(in, 4096);
    ssize_t count = taken == IB_TAKE_BROKEN || room == NULL ? -1 : recv(fd, room, 4096, 0);
    if (count <= 0) bench_die("the gateway ends the conversation");
    ib_inbox_filled(in, (size_t)count);
  }
}

static int open_socket(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
    bench_die("127.0.0.1:%d: %s", port, strerror(errno));
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int tws_connect(int port, int client_id) {
  static const char hello[] = "API\0\0\0\0\x09v178..178";
  int fd = open_socket(port);
  ib_inbox in = {0};
  ib_outbox out = {0};
  ib_put_raw(&out, hello, sizeof hello - 1);
  flush(fd, &out);
  wait_for_message(fd, &in, 0);

  ib_begin(&out);
  ib_put_int(&out, START_API);
  ib_put_int(&out, 2);
  ib_put_int(&out, client_id);
  ib_put_text(&out, "");
  ib_end(&out);
  flush(fd, &out);
  wait_for_message(fd, &in, NEXT_VALID_ID);
  ib_inbox_fini(&in);
  return fd;
}

void tws_request_bars(int fd, int64_t request, const char *symbol) {
  const char *const contract[] = {"", symbol, "STK", "", "", "", "", "SMART", "", "USD", "", ""};
  const char *const rest[] = {"0", "20100102-00:00:00", "1 hour", "1 D", "0", "TRADES", "2", "0",
                              ""};
  ib_outbox out = {0};
  ib_begin(&out);
  ib_put_int(&out, REQ_HISTORICAL_DATA);
  ib_put_int(&out, request);
  for (size_t i = 0; i < sizeof contract / sizeof contract[0]; i++) {
    ib_put_text(&out, contract[i]);
  }
  for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
    ib_put_text(&out, rest[i]);
  }
  ib_end(&out);
  flush(fd, &out);
}

void tws_cancel_bars(int fd, int64_t request) {
  ib_outbox out = {0};
  ib_begin(&out);
  ib_put_int(&out, CANCEL_HISTORICAL_DATA);
  ib_put_int(&out, 1);
  ib_put_int(&out, request);
  ib_end(&out);
  flush(fd, &out);
}
