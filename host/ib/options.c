#include "host/ib/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/program/options.h"
#include "mesh/runtime/text.h"

void ib_options_help(void) {
  printf(
      "usage: millrace-ib-host --listen ADDRESS --gateway HOST:PORT [flags]\n"
      "\n"
      "Serves IbHost over one IB Gateway or TWS. `millrace up` starts it.\n"
      "\n"
      "  --listen ADDRESS         unix:/path or a loopback host:port; may be given up to %d "
      "times.\n"
      "                           Every user of this machine can use a port; a socket is yours "
      "alone\n"
      "  --gateway HOST:PORT      the gateway (live 4001, paper 4002; TWS 7496, 7497)\n"
      "  --client-id N            the first client id to try (default 11)\n"
      "  --messages-per-s N       at most so many messages to the gateway (default 40; 0: no "
      "limit)\n"
      "  --max-open N             requests open at a time, 1 to 50 (default 8)\n"
      "  --max-live N             live streams beside them, 1 to 1000 (default 32)\n"
      "  --request-timeout-ms N   how long an answer may take (default 60000)\n"
      "  --connect-timeout-ms N   of a connect and of each step of the greeting (default 5000)\n"
      "  --backoff-cap-ms N       longest wait between two connects (default 2000)\n"
      "  --pacing-wait-ms N       wait after a pacing violation (default 15000)\n"
      "  --pacing-speed N         how fast a simulated gateway's clock runs, by which it counts "
      "(default 1)\n"
      "  --drain-limit-ms N       how long what runs may go on at SIGTERM (default 2000)\n",
      IB_LISTEN_MAX);
  mesh_program_options_help(stdout, 25);
}

static mesh_code take_gateway(void *to, const char *text, mesh_error *err) {
  ib_session_options *out = to;
  const char *colon = strrchr(text, ':');
  char *end = NULL;
  long port = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
  if (colon == NULL || colon == text || *end != '\0' || port < 1 || port > 65535 ||
      (size_t)(colon - text) >= sizeof out->host) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--gateway '%s': use host:port, such as 127.0.0.1:4002", text);
  }
  mesh_text_format(out->host, sizeof out->host, "%.*s", (int)(colon - text), text);
  out->port = (int)port;
  return GRPC_STATUS_OK;
}

mesh_code ib_options_parse(int argc, char **argv, ib_options *out, mesh_error *err) {
  *out = (ib_options){.drain_limit_ms = 2000, .session = ib_session_defaults()};
  ib_session_options *session = &out->session;
  const mesh_flag flags[] = {
      {"listen", .text = out->listen, .count = &out->listen_count, .most = IB_LISTEN_MAX},
      {"gateway", .take = take_gateway, .to = session},
      {"client-id", .whole = &session->client_id, .most = 1000000},
      {"messages-per-s", .whole = &session->messages_per_s, .most = 10000},
      {"max-open", .whole = &session->max_open, .least = 1, .most = 50},
      {"max-live", .whole = &session->max_live, .least = 1, .most = 1000},
      {"request-timeout-ms", .whole = &session->request_timeout_ms, .least = 1, .most = 3600000},
      {"connect-timeout-ms", .whole = &session->connect_timeout_ms, .least = 1, .most = 600000},
      {"backoff-cap-ms", .whole = &session->backoff_cap_ms, .least = 1, .most = 600000},
      {"pacing-wait-ms", .number = &session->pacing_wait_ms, .least = 1, .most = 3600000},
      {"pacing-speed", .whole = &session->pacing_speed, .least = 1, .most = 1000},
      {"drain-limit-ms", .number = &out->drain_limit_ms, .most = 3600000},
  };
  mesh_code code = mesh_program_options_parse(argc, argv, flags, sizeof flags / sizeof *flags,
                                              &out->program, err);
  if (code != GRPC_STATUS_OK || out->program.help) return code;
  if (out->listen_count == 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--listen is needed");
  }
  return GRPC_STATUS_OK;
}
