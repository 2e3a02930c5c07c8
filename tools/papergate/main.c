// papergate: an IB Gateway that needs no account. See --help.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "mesh/program/standard.h"
#include "tools/papergate/gateway.h"
#include "tools/papergate/messages.h"
#include "tools/papergate/server.h"

// Refused for good, or for what may be otherwise later: a port that is taken, a broken file.
enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_UNABLE = 75 };

// Signals that end the gateway are read by the server's loop, not handled.
static void block_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
}

static mesh_code write_port_file(const char *path, int port, mesh_error *err) {
  if (path == NULL) return GRPC_STATUS_OK;
  FILE *file = fopen(path, "w");
  bool written = file != NULL && fprintf(file, "%d\n", port) > 0;
  if (file != NULL) written = fclose(file) == 0 && written;
  if (written) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "port file %s: %s", path, strerror(errno));
}

static void announce(const pg_gateway *gateway, int port) {
  const char *market = gateway->options.market == NULL ? "" : gateway->options.market;
  pg_log standard_output = {.fd = STDOUT_FILENO};
  pg_log_begin(&standard_output, -1, "listening");
  pg_log_text(&standard_output, "address", "127.0.0.1");
  pg_log_int(&standard_output, "port", port);
  pg_log_int(&standard_output, "serverVersion", PG_SERVER_VERSION);
  pg_log_text(&standard_output, "market", market);
  pg_log_int(&standard_output, "symbols", (int64_t)pg_catalog_count(gateway->catalog));
  pg_log_end(&standard_output);
}

static mesh_code serve(const pg_options *options, mesh_error *err) {
  pg_gateway gateway;
  mesh_code code = pg_gateway_open(&gateway, options, err);
  if (code != GRPC_STATUS_OK) return code;
  pg_server *server = NULL;
  code = pg_server_open(&gateway, &server, err);
  if (code != GRPC_STATUS_OK) goto close_gateway;
  code = write_port_file(options->port_file, pg_server_port(server), err);
  if (code == GRPC_STATUS_OK) {
    announce(&gateway, pg_server_port(server));
    pg_server_run(server);
  }
  pg_server_close(server);
close_gateway:
  pg_gateway_close(&gateway);
  return code;
}

int main(int argc, char **argv) {
  mesh_standard_hold();
  pid_t parent = getppid();
  pg_options options;
  mesh_error err;
  mesh_code code = pg_options_parse(argc, argv, &options, &err);
  if (code == GRPC_STATUS_OK && options.help) {
    pg_options_help(stdout);
    return EXIT_DONE;
  }
  if (code == GRPC_STATUS_OK) {
    block_signals();
    if (options.exit_with_parent) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) return EXIT_DONE;  // it ended before we asked
    }
    code = serve(&options, &err);
  }
  if (code == GRPC_STATUS_OK) return EXIT_DONE;
  fprintf(stderr, "papergate: %s\n", err.message);
  return code == GRPC_STATUS_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_UNABLE;
}
