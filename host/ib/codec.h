// codec: TWS messages at server versions 157 to 178: requests into bytes, replies into structs.
// Anything may arrive: a reply that is not what it should be is DATA_LOSS, naming the message and
// the field. Pure functions over the caller's outbox, fields and structs; any thread.
#ifndef MILLRACE_HOST_IB_CODEC_H
#define MILLRACE_HOST_IB_CODEC_H

#include "host/ib/bar_window.h"
#include "host/ib/contracts.h"
#include "host/ib/wire.h"
#include "market/bar_columns.h"

enum { IB_OLDEST_VERSION = 157, IB_NEWEST_VERSION = 178 };

// The numbers of the replies that this host understands.
typedef enum ib_reply {
  IB_REPLY_ERROR = 4,
  IB_REPLY_NEXT_VALID_ID = 9,
  IB_REPLY_CONTRACT = 10,
  IB_REPLY_MANAGED_ACCOUNTS = 15,
  IB_REPLY_BARS = 17,
  IB_REPLY_BOND = 18,
  IB_REPLY_CURRENT_TIME = 49,
  IB_REPLY_CONTRACT_END = 52,
  IB_REPLY_SYMBOLS = 79,
  IB_REPLY_HEAD = 88,
  IB_REPLY_BAR_UPDATE = 90,
} ib_reply;

// ---- requests: each appends one whole message to `out`; `request` is the id that replies carry
// ----

// "API", and the versions from IB_OLDEST_VERSION to IB_NEWEST_VERSION: the first bytes of all.
void ib_encode_handshake(ib_outbox *out);

// What follows the gateway's version. An id that another client has ends the connection (326).
void ib_encode_start_api(ib_outbox *out, int client_id);

// Answered by IB_REPLY_CURRENT_TIME: how the round trip is measured.
void ib_encode_current_time(ib_outbox *out);

// Answered by an IB_REPLY_CONTRACT for each contract that fits, then IB_REPLY_CONTRACT_END.
// `server_version` is the gateway's: newer ones want a field more.
void ib_encode_contract_details(ib_outbox *out, int request, const ib_contract *contract,
                                int server_version);

// The time of the series' first bar: IB_REPLY_HEAD.
void ib_encode_head(ib_outbox *out, int request, const ib_series *series);
// It is not wanted any more.
void ib_encode_cancel_head(ib_outbox *out, int request);

// The bars of a window (ib_bar_window_of()): one IB_REPLY_BARS. `keep_up_to_date`: of the window's
// length before now, then an IB_REPLY_BAR_UPDATE for each change, until they are cancelled.
void ib_encode_bars(ib_outbox *out, int request, const ib_series *series,
                    const ib_bar_window *window, bool keep_up_to_date);
// Ends a request for bars, of either kind.
void ib_encode_cancel_bars(ib_outbox *out, int request);

// Contracts with a part of a symbol or a name: one IB_REPLY_SYMBOLS.
void ib_encode_symbols(ib_outbox *out, int request, const char *pattern);

// ---- replies: `fields` stands behind the message number; text of the gateway is escaped
// (mesh_text_escape()) ----

enum { IB_ERROR_TEXT_MAX = 1024 };  // bytes, with the NUL; longer ones are cut

typedef struct ib_error_reply {
  int request;  // -1: of the connection
  int code;
  char text[IB_ERROR_TEXT_MAX];
} ib_error_reply;

// The gateway's answer to the handshake, a message of its own kind. FAILED_PRECONDITION: a version
// that this host does not speak.
typedef struct ib_greeting {
  int version;
  bool simulated;  // it is papergate, which names itself behind the time: no gateway's zone is that
} ib_greeting;
MESH_NODISCARD mesh_code ib_decode_greeting(ib_message message, ib_greeting *out, mesh_error *err);

// What went wrong, and whose it is; error_table.h says what that means.
MESH_NODISCARD mesh_code ib_decode_error(ib_fields *fields, ib_error_reply *out, mesh_error *err);

// One contract. A text that is longer than its place in *out is cut.
MESH_NODISCARD mesh_code ib_decode_contract(ib_fields *fields, ib_contract *out, mesh_error *err);

// The same of an IB_REPLY_BOND: bonds come in a message of their own.
MESH_NODISCARD mesh_code ib_decode_bond(ib_fields *fields, ib_contract *out, mesh_error *err);

// The first bar's time, in seconds since 1970.
MESH_NODISCARD mesh_code ib_decode_head(ib_fields *fields, int64_t *time_s, mesh_error *err);

// The head of a bars reply: leaves `fields` at the first bar and tells how many are said to follow;
// never more than the message has room for.
MESH_NODISCARD mesh_code ib_decode_bars_head(ib_fields *fields, size_t *count, mesh_error *err);

// The bars themselves, appended to `out` where their time is in [from, to), in seconds since 1970:
// of midnight UTC for daily bars.
MESH_NODISCARD mesh_code ib_decode_bars(ib_fields *fields, size_t count, int64_t from_s,
                                        int64_t to_s, bar_columns *out, mesh_error *err);

// One update of a live request: the one bar of `out`.
MESH_NODISCARD mesh_code ib_decode_bar_update(ib_fields *fields, bar_columns *out, mesh_error *err);

// Symbol samples: how many, never more than the message has room for.
MESH_NODISCARD mesh_code ib_decode_symbol_count(ib_fields *fields, size_t *count, mesh_error *err);
// Then so many times the next one; texts are copied, too long ones cut.
MESH_NODISCARD mesh_code ib_decode_symbol(ib_fields *fields, ib_contract *out, mesh_error *err);

#endif
