#include "host/ib/error_table.h"

#include <string.h>

#define DOMAIN "ib-host.millrace"

enum { RETRY_MS = 1000, SESSION_CONFLICT_MS = 60000 };

typedef struct known_code {
  int from, to;
  ib_error_class class_;
} known_code;

// Interactive Brokers' table of message codes; the first row that holds a code counts.
static const known_code known_codes[] = {
    {100, 100, IB_PACING},        {165, 165, IB_WARNING},      {166, 166, IB_FATAL},
    {200, 200, IB_FATAL},         {300, 300, IB_INFORMATION},  {320, 321, IB_FATAL},
    {323, 323, IB_RETRY},         {326, 326, IB_DISCONNECT},   {354, 354, IB_FATAL},
    {357, 357, IB_DISCONNECT},    {366, 366, IB_CANCELLED},    {386, 386, IB_FATAL},
    {430, 430, IB_FATAL},         {504, 504, IB_RETRY},        {1100, 1100, IB_LOST},
    {1101, 1102, IB_RESTORED},    {1300, 1300, IB_DISCONNECT}, {2110, 2110, IB_LOST},
    {2100, 2199, IB_INFORMATION}, {10090, 10091, IB_WARNING},  {10167, 10167, IB_WARNING},
    {10190, 10190, IB_PACING},    {10197, 10197, IB_RETRY},    {10225, 10225, IB_RETRY},
};

static bool says(const char *text, const char *words) {
  return strcasestr(text, words) != NULL;
}

static ib_error_class classify_history(const char *text) {
  if (says(text, "pacing violation")) return IB_PACING;
  if (says(text, "no data")) return IB_NO_DATA;
  if (says(text, "query cancelled") || says(text, "query canceled")) return IB_CANCELLED;
  static const char *const fatal[] = {"No market data permissions",
                                      "invalid step",
                                      "No historical market data for",
                                      "Time length exceed max",
                                      "expired contract",
                                      "no head time stamp",
                                      "Starting time must occur before ending time"};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
    if (says(text, fatal[i])) return IB_FATAL;
  }
  return IB_RETRY;
}

// "Trading TWS session is connected from a different IP address": as 10197, by a person.
static bool is_competing(int code, const char *text) {
  return code == 10197 || (code == 162 && says(text, "different IP address"));
}

ib_error_class ib_error_classify(int code, const char *text) {
  if (code == 162) return classify_history(text);
  if (code == 322) return says(text, "Duplicate") ? IB_FATAL : IB_PACING;
  if (code == 420) return says(text, "pacing") ? IB_PACING : IB_FATAL;
  for (size_t i = 0; i < sizeof known_codes / sizeof *known_codes; i++) {
    const known_code *row = &known_codes[i];
    if (code >= row->from && code <= row->to) return row->class_;
  }
  return code >= 10000 ? IB_FATAL : IB_RETRY;
}

typedef struct fatal_code {
  int code;
  mesh_code status;
  const char *reason;
} fatal_code;

static fatal_code describe_fatal(int code, const char *text) {
  if (code == 200) return (fatal_code){code, GRPC_STATUS_NOT_FOUND, "NO_CONTRACT"};
  if (code == 162 && says(text, "no head time stamp")) {
    return (fatal_code){code, GRPC_STATUS_NOT_FOUND, "NO_DATA"};
  }
  if (code == 354 || code == 430 || code == 10089 || code == 10168 || code == 10186 ||
      code == 10187 || says(text, "permission")) {
    return (fatal_code){code, GRPC_STATUS_PERMISSION_DENIED, "NO_PERMISSION"};
  }
  if (code == 320 || code == 386 || code == 322) {
    return (fatal_code){code, GRPC_STATUS_INTERNAL, "BAD_REQUEST"};
  }
  return (fatal_code){code, GRPC_STATUS_FAILED_PRECONDITION, "REFUSED"};
}

mesh_code ib_error_fill(int code, const char *text, int64_t pacing_wait_ms, mesh_error *err) {
  ib_error_class class_ = ib_error_classify(code, text);
  if (class_ == IB_PACING) {
    mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "IB error %d: %s", code, text);
    mesh_error_set_reason(err, "PACING_VIOLATION", DOMAIN);
    mesh_error_set_retry(err, pacing_wait_ms);
    return GRPC_STATUS_RESOURCE_EXHAUSTED;
  }
  if (class_ == IB_FATAL) {
    fatal_code fatal = describe_fatal(code, text);
    mesh_fail(err, fatal.status, "IB error %d: %s", code, text);
    mesh_error_set_reason(err, fatal.reason, DOMAIN);
    return fatal.status;
  }
  mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "IB error %d: %s", code, text);
  bool competing = is_competing(code, text);
  mesh_error_set_reason(err, competing ? "COMPETING_SESSION" : "GATEWAY_ERROR", DOMAIN);
  mesh_error_set_retry(err, competing ? SESSION_CONFLICT_MS : RETRY_MS);
  return GRPC_STATUS_UNAVAILABLE;
}
