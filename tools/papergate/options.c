#include "tools/papergate/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/papergate/times.h"

typedef enum flag_kind {
  FLAG_SECTION,  // a line of the help, no flag
  FLAG_SWITCH,   // bool, without a value
  FLAG_ON_OFF,   // bool, "on" or "off"
  FLAG_NUMBER,   // int64_t, 0 or more
  FLAG_TIME,     // int64_t, "2020-01-31T00:00:00Z" or the day alone
  FLAG_HOURS,    // pg_hours, "13:30-20:00"
  FLAG_TEXT,     // const char *
} flag_kind;

typedef struct flag {
  const char *name;
  flag_kind kind;
  size_t offset;
  const char *value_name;     // in the help
  const char *default_value;  // as it would be typed; NULL: zero
  const char *help;
} flag;

#define SECTION(title) \
  { .name = title, .kind = FLAG_SECTION }
#define FLAG(flag_name, flag_kind, member, shown, standard, text)                 \
  {                                                                               \
    .name = flag_name, .kind = flag_kind, .offset = offsetof(pg_options, member), \
    .value_name = shown, .default_value = standard, .help = text                  \
  }

static const flag flags[] = {
    SECTION("Running"),
    FLAG("--port", FLAG_NUMBER, port, "N", "4002", "port on 127.0.0.1; 0: any that is free"),
    FLAG("--listen-fd", FLAG_NUMBER, listen_fd, "N", NULL,
         "a descriptor that was inherited and listens already, instead of --port"),
    FLAG("--port-file", FLAG_TEXT, port_file, "FILE", NULL, "write the port there when ready"),
    FLAG("--log", FLAG_TEXT, log, "FILE", NULL,
         "write the JSON line of each request there, not to standard output"),
    FLAG("--exit-with-parent", FLAG_SWITCH, exit_with_parent, NULL, NULL,
         "end when the process that started this one ends"),
    FLAG("--help", FLAG_SWITCH, help, NULL, NULL, "show this text"),

    SECTION("What is served"),
    FLAG("--market", FLAG_TEXT, market, "DIR", NULL,
         "directory of SYMBOL-TIMEFRAME.csv files; SYN... symbols are there without any"),
    FLAG("--accounts", FLAG_TEXT, accounts, "A,B", "DU1234567", "managed accounts"),
    FLAG("--now", FLAG_TIME, now, "TIME", NULL,
         "where the gateway's clock starts; default: this machine's clock"),
    FLAG("--clock-speed", FLAG_NUMBER, clock_speed, "N", "1", "how fast the gateway's clock runs"),
    FLAG("--seed", FLAG_NUMBER, seed, "N", "1", "seed of the SYN series and of live prices"),
    FLAG("--syn-start", FLAG_TIME, syn_start, "TIME", "2000-01-03", "first bar of SYN series"),
    FLAG("--live-interval-ms", FLAG_NUMBER, live_interval_ms, "N", "1000",
         "time between two updates of a keepUpToDate request"),
    FLAG("--rth", FLAG_HOURS, rth, "HH:MM-HH:MM", NULL,
         "regular hours of stocks, in UTC, for useRTH=1; default: whatever the files hold"),
    FLAG("--forex-volume", FLAG_ON_OFF, forex_volume, "on|off", "on",
         "send the volume of the file for currency pairs; off: -1, as a real gateway does"),

    SECTION("Limits (0: none)"),
    FLAG("--no-limits", FLAG_SWITCH, no_limits, NULL, NULL, "turn all of these off"),
    FLAG("--max-clients", FLAG_NUMBER, max_clients, "N", "32", "connections at once"),
    FLAG("--messages-per-second", FLAG_NUMBER, messages_per_second, "N", "50",
         "messages of one client; error 100, and the third breach closes"),
    FLAG("--requests-per-10-minutes", FLAG_NUMBER, requests_per_10_minutes, "N", "60",
         "historical requests for bars of 30 s or less; BID_ASK counts twice"),
    FLAG("--identical-seconds", FLAG_NUMBER, identical_seconds, "N", "15",
         "time between two identical ones of these"),
    FLAG("--same-contract-per-2-seconds", FLAG_NUMBER, same_contract_per_2_seconds, "N", "5",
         "of these for one contract, exchange and kind of price"),
    FLAG("--open-requests", FLAG_NUMBER, open_requests, "N", "50",
         "historical requests open at once; error 322"),
    FLAG("--max-bars", FLAG_NUMBER, max_bars, "N", "150000",
         "bars of one reply (a frame holds about 250000), and no bars too fine for the duration"),

    SECTION("Faults (a number N counts the requests for bars since the start, from 1)"),
    FLAG("--latency-ms", FLAG_NUMBER, latency_ms, "N", NULL,
         "each historical reply waits so long; many may wait at once"),
    FLAG("--bars-per-second", FLAG_NUMBER, bars_per_second, "N", NULL,
         "each historical reply also waits for its number of bars"),
    FLAG("--drop-reply", FLAG_NUMBER, drop_reply, "N", NULL, "request N is never answered"),
    FLAG("--pacing-error", FLAG_NUMBER, pacing_error, "N", NULL,
         "request N is answered with a pacing violation"),
    FLAG("--garbage-frame", FLAG_NUMBER, garbage_frame, "N", NULL,
         "request N is answered with a frame of random bytes"),
    FLAG("--garbage-length", FLAG_NUMBER, garbage_length, "N", NULL,
         "request N is answered with a frame longer than any may be"),
    FLAG("--connectivity", FLAG_TEXT, connectivity, "LIST", NULL,
         "1100@N[+MS],1101@N[+MS],1102@N[+MS]: send that code MS ms after request N; between "
         "1100 and the next one nothing is answered"),
    FLAG("--disconnect-after", FLAG_NUMBER, disconnect_after, "N", NULL,
         "close a connection after its Nth message"),
    FLAG("--disconnect-times", FLAG_NUMBER, disconnect_times, "N", "1",
         "how often that happens; 0: to every connection"),
    FLAG("--validation-code", FLAG_NUMBER, validation_code, "N", "321",
         "code of refused requests, for clients that wait on after a 321"),
    FLAG("--one-byte-writes", FLAG_SWITCH, one_byte_writes, NULL, NULL, "send each byte by itself"),
    FLAG("--refuse", FLAG_SWITCH, refuse, NULL, NULL, "close each connection at once"),
    FLAG("--hang", FLAG_SWITCH, hang, NULL, NULL, "accept connections, never answer"),
};

enum { FLAGS = sizeof flags / sizeof flags[0] };

static bool parse_number(const char *text, int64_t *out) {
  char *end = NULL;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

// "13:30" as seconds; "24:00" is the end of the day.
static bool parse_hour(const char *text, size_t length, int64_t *out) {
  int hour, minute, used = 0;
  if (length != 5 || sscanf(text, "%2d:%2d%n", &hour, &minute, &used) != 2 || used != 5) {
    return false;
  }
  *out = hour * CIVIL_HOUR + minute * CIVIL_MINUTE;
  return hour >= 0 && minute >= 0 && minute < 60 && *out <= CIVIL_DAY;
}

static bool parse_hours(const char *text, pg_hours *out) {
  const char *dash = strchr(text, '-');
  return dash != NULL && parse_hour(text, (size_t)(dash - text), &out->from) &&
         parse_hour(dash + 1, strlen(dash + 1), &out->to) && out->from < out->to;
}

static bool set(const flag *f, const char *value, pg_options *options) {
  void *member = (char *)options + f->offset;
  switch (f->kind) {
    case FLAG_SWITCH:
      *(bool *)member = true;
      return true;
    case FLAG_ON_OFF:
      *(bool *)member = strcmp(value, "on") == 0;
      return *(bool *)member || strcmp(value, "off") == 0;
    case FLAG_NUMBER:
      return parse_number(value, member);
    case FLAG_TIME:
      return pg_parse_iso(value, member);
    case FLAG_HOURS:
      return parse_hours(value, member);
    case FLAG_TEXT:
      *(const char **)member = value;
      return true;
    case FLAG_SECTION:
      break;
  }
  return false;
}

static const flag *find(const char *name, size_t length) {
  for (size_t i = 0; i < FLAGS; i++) {
    if (flags[i].kind == FLAG_SECTION) continue;
    if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0) {
      return &flags[i];
    }
  }
  return NULL;
}

static void set_defaults(pg_options *out) {
  *out = (pg_options){0};
  for (size_t i = 0; i < FLAGS; i++) {
    if (flags[i].default_value != NULL) set(&flags[i], flags[i].default_value, out);
  }
}

static void remove_limits(pg_options *options) {
  options->max_clients = options->messages_per_second = options->requests_per_10_minutes = 0;
  options->identical_seconds = options->same_contract_per_2_seconds = options->open_requests = 0;
  options->max_bars = 0;
}

static mesh_code check(const pg_options *options, mesh_error *err) {
  if (options->port > 65535) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--port: %" PRId64 " is above 65535",
                     options->port);
  }
  if (options->clock_speed < 1 || options->live_interval_ms < 1) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "--clock-speed and --live-interval-ms: at least 1");
  }
  return GRPC_STATUS_OK;
}

// "--name=value" and "--name value" are the same.
mesh_code pg_options_parse(int argc, char **argv, pg_options *out, mesh_error *err) {
  set_defaults(out);
  for (int i = 1; i < argc; i++) {
    const char *equals = strchr(argv[i], '=');
    size_t length = equals == NULL ? strlen(argv[i]) : (size_t)(equals - argv[i]);
    const flag *f = find(argv[i], length);
    if (f == NULL || (f->kind == FLAG_SWITCH && equals != NULL)) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "unknown flag %s (see --help)", argv[i]);
    }
    const char *value = equals == NULL ? NULL : equals + 1;
    if (f->kind != FLAG_SWITCH && value == NULL) {
      if (i + 1 == argc) {
        return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s needs a value: %s", f->name,
                         f->value_name);
      }
      value = argv[++i];
    }
    if (!set(f, value, out)) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: \"%s\" is not %s", f->name, value,
                       f->value_name);
    }
  }
  if (out->no_limits) remove_limits(out);
  return check(out, err);
}

void pg_options_help(FILE *out) {
  fputs(
      "papergate: an IB Gateway without an account, for tests and demonstrations.\n"
      "Speaks the TWS protocol at server version 178 on 127.0.0.1.\n",
      out);
  for (size_t i = 0; i < FLAGS; i++) {
    const flag *f = &flags[i];
    if (f->kind == FLAG_SECTION) {
      fprintf(out, "\n%s\n", f->name);
      continue;
    }
    char usage[64];
    snprintf(usage, sizeof usage, "%s%s%s", f->name, f->value_name == NULL ? "" : " ",
             f->value_name == NULL ? "" : f->value_name);
    fprintf(out, "  %-33s %s", usage, f->help);
    if (f->default_value != NULL) fprintf(out, " (default %s)", f->default_value);
    fputc('\n', out);
  }
}
