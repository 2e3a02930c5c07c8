#include "cli/up_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOME = 1, MARKET, GATEWAY, LISTEN, LOG_LEVEL, OUTPUT, HELP };

static const struct option flags[] = {
    {"home", required_argument, NULL, HOME},
    {"papergate-market", required_argument, NULL, MARKET},
    {"gateway", required_argument, NULL, GATEWAY},
    {"listen", required_argument, NULL, LISTEN},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"output", required_argument, NULL, OUTPUT},
    {"help", no_argument, NULL, HELP},
    {0},
};

void up_options_help(void) {
  printf(
      "usage: millrace up [flags]\n"
      "\n"
      "Starts the mesh on this machine and keeps it running until Ctrl-C: papergate (a simulated "
      "IB\n"
      "Gateway, unless --gateway names a real one), millrace-ib-host and millrace-backend.\n"
      "\n"
      "  --home DIR               where everything lies; default: $MILLRACE_HOME, else\n"
      "                           $XDG_STATE_HOME/millrace, else ~/.local/state/millrace\n"
      "  --papergate-market DIR   SYMBOL-TIMEFRAME.csv files to serve "
      "($MILLRACE_PAPERGATE_MARKET)\n"
      "  --gateway HOST:PORT      a real IB Gateway or TWS ($MILLRACE_GATEWAY_ADDRESS)\n"
      "  --listen ADDRESS         a further address of the backend, such as 127.0.0.1:4710\n"
      "  --log-level LEVEL        debug, info (default), warn, error ($MILLRACE_LOG_LEVEL)\n"
      "  --output text|json       default: text on a terminal, JSON lines elsewhere\n"
      "  --help                   this text\n");
}

static const char *environment(const char *name) {
  const char *value = getenv(name);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

static mesh_code take_flag(int flag, const char *value, up_options *out, mesh_error *err) {
  switch (flag) {
    case HOME:
      out->home = value;
      break;
    case MARKET:
      out->market = value;
      break;
    case GATEWAY:
      out->gateway = value;
      break;
    case LISTEN:
      out->listen = value;
      break;
    case LOG_LEVEL:
      out->log_level = value;
      break;
    case OUTPUT:
      out->json = strcmp(value, "json") == 0;
      if (!out->json && strcmp(value, "text") != 0) {
        return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--output '%s': use text or json",
                         value);
      }
      break;
    default:
      out->help = true;
  }
  return GRPC_STATUS_OK;
}

mesh_code up_options_parse(int argc, char **argv, up_options *out, mesh_error *err) {
  *out = (up_options){.market = environment("MILLRACE_PAPERGATE_MARKET"),
                      .gateway = environment("MILLRACE_GATEWAY_ADDRESS"),
                      .log_level = environment("MILLRACE_LOG_LEVEL"),
                      .json = !isatty(STDOUT_FILENO)};
  opterr = 0;
  optind = 1;
  for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
    if (flag == '?') {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "unknown flag, or a flag without its value: %s", argv[optind - 1]);
    }
    mesh_code code = take_flag(flag, optarg, out, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (optind < argc) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unexpected argument: %s", argv[optind]);
  }
  return GRPC_STATUS_OK;
}
