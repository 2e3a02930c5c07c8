#include "host/ib/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/flags.h"

enum {
  LISTEN = 1,
  GATEWAY,
  LOG_LEVEL,
  LOG_JSON,
  EXIT_WITH_PARENT,
  DRAIN_LIMIT,
  HELP,
  FIRST_NUMBER,  // the rows of `numbers`, in their order
};

static const struct option flags[] = {
    {"listen", required_argument, NULL, LISTEN},
    {"gateway", required_argument, NULL, GATEWAY},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"log-json", no_argument, NULL, LOG_JSON},
    {"exit-with-parent", no_argument, NULL, EXIT_WITH_PARENT},
    {"drain-limit-ms", required_argument, NULL, DRAIN_LIMIT},
    {"help", no_argument, NULL, HELP},
    {"client-id", required_argument, NULL, FIRST_NUMBER},
    {"messages-per-s", required_argument, NULL, FIRST_NUMBER + 1},
    {"max-open", required_argument, NULL, FIRST_NUMBER + 2},
    {"request-timeout-ms", required_argument, NULL, FIRST_NUMBER + 3},
    {"connect-timeout-ms", required_argument, NULL, FIRST_NUMBER + 4},
    {"backoff-cap-ms", required_argument, NULL, FIRST_NUMBER + 5},
    {"pacing-wait-ms", required_argument, NULL, FIRST_NUMBER + 6},
    {0},
};

void ib_options_help(void) {
  printf(
      "usage: millrace-ib-host --listen ADDRESS --gateway HOST:PORT [flags]\n"
      "\n"
      "Serves IbHost over one IB Gateway or TWS. `millrace up` starts it.\n"
      "\n"
      "  --listen ADDRESS         unix:/path or a loopback host:port; may be given up to %d times\n"
      "  --gateway HOST:PORT      the gateway (live 4001, paper 4002; TWS 7496, 7497)\n"
      "  --client-id N            the first client id to try (default 11)\n"
      "  --messages-per-s N       at most so many messages to the gateway (default 40; 0: no "
      "limit)\n"
      "  --max-open N             requests open at a time, 1 to 50 (default 8)\n"
      "  --request-timeout-ms N   how long an answer may take (default 60000)\n"
      "  --connect-timeout-ms N   of a connect and of each step of the greeting (default 5000)\n"
      "  --backoff-cap-ms N       longest wait between two connects (default 2000)\n"
      "  --pacing-wait-ms N       wait after a pacing violation (default 15000)\n"
      "  --drain-limit-ms N       how long what runs may go on at SIGTERM (default 2000)\n"
      "  --log-level LEVEL        debug, info (default), warn, error\n"
      "  --log-json               one JSON object a line\n"
      "  --exit-with-parent       ends when the process that started it ends\n"
      "  --help                   this text\n",
      IB_LISTEN_MAX);
}

typedef struct number_flag {
  const char *name;
  long least, most;
} number_flag;

static const number_flag numbers[] = {
    {"--client-id", 0, 1000000},
    {"--messages-per-s", 0, 10000},
    {"--max-open", 1, 50},
    {"--request-timeout-ms", 1, 3600000},
    {"--connect-timeout-ms", 1, 600000},
    {"--backoff-cap-ms", 1, 600000},
    {"--pacing-wait-ms", 1, 3600000},
};

static mesh_code take_number(int index, const char *text, ib_session_options *out,
                             mesh_error *err) {
  const number_flag *flag = &numbers[index];
  char *end;
  long number = strtol(text, &end, 10);
  if (end == text || *end != '\0' || number < flag->least || number > flag->most) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s '%s': use a number from %ld to %ld",
                     flag->name, text, flag->least, flag->most);
  }
  int *const places[] = {&out->client_id,          &out->messages_per_s,     &out->max_open,
                         &out->request_timeout_ms, &out->connect_timeout_ms, &out->backoff_cap_ms};
  if (index == 6) {
    out->pacing_wait_ms = number;
  } else {
    *places[index] = (int)number;
  }
  return GRPC_STATUS_OK;
}

static mesh_code take_gateway(const char *text, ib_session_options *out, mesh_error *err) {
  const char *colon = strrchr(text, ':');
  char *end = NULL;
  long port = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
  if (colon == NULL || colon == text || *end != '\0' || port < 1 || port > 65535 ||
      (size_t)(colon - text) >= sizeof out->host) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--gateway '%s': use host:port, such as 127.0.0.1:4002", text);
  }
  snprintf(out->host, sizeof out->host, "%.*s", (int)(colon - text), text);
  out->port = (int)port;
  return GRPC_STATUS_OK;
}

static mesh_code take_drain_limit(const char *text, ib_options *out, mesh_error *err) {
  char *end;
  out->drain_limit_ms = strtol(text, &end, 10);
  if (end != text && *end == '\0' && out->drain_limit_ms >= 0 && out->drain_limit_ms <= 3600000) {
    return GRPC_STATUS_OK;
  }
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "--drain-limit-ms '%s': use a number from 0 to 3600000", text);
}

static mesh_code take_flag(void *arg, int flag, const char *value, mesh_error *err) {
  ib_options *out = arg;
  if (flag >= FIRST_NUMBER) return take_number(flag - FIRST_NUMBER, value, &out->session, err);
  switch (flag) {
    case LISTEN:
      if (out->listen_count == IB_LISTEN_MAX) {
        return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--listen may be given %d times",
                         IB_LISTEN_MAX);
      }
      out->listen[out->listen_count++] = value;
      return GRPC_STATUS_OK;
    case DRAIN_LIMIT:
      return take_drain_limit(value, out, err);
    case GATEWAY:
      return take_gateway(value, &out->session, err);
    case LOG_LEVEL:
      if (mesh_log_parse_level(value, &out->log_level)) return GRPC_STATUS_OK;
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                       "--log-level '%s': use debug, info, warn or error", value);
    case LOG_JSON:
      out->log_json = true;
      return GRPC_STATUS_OK;
    case EXIT_WITH_PARENT:
      out->exit_with_parent = true;
      return GRPC_STATUS_OK;
    default:
      out->help = true;
      return GRPC_STATUS_OK;
  }
}

mesh_code ib_options_parse(int argc, char **argv, ib_options *out, mesh_error *err) {
  *out = (ib_options){
      .drain_limit_ms = 2000, .session = ib_session_defaults(), .log_level = MESH_LOG_INFO};
  mesh_code code = mesh_flags_parse(argc, argv, flags, take_flag, out, err);
  if (code != GRPC_STATUS_OK || out->help) return code;
  if (out->listen_count == 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--listen is needed");
  }
  return GRPC_STATUS_OK;
}
