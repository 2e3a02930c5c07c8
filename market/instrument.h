// instrument: what is traded: how people write it, how its series is called, and what its bars are
// made of where nobody says. The kinds are those of Interactive Brokers. Pure; any thread.
#ifndef MILLRACE_MARKET_INSTRUMENT_H
#define MILLRACE_MARKET_INSTRUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mesh/runtime/status.h"

enum { INSTRUMENT_NAME_MAX = 64 };  // bytes, with the NUL

typedef struct instrument {
  int64_t con_id;  // the source's own number for it; 0: not known
  char symbol[INSTRUMENT_NAME_MAX];
  char kind[12];  // STK, IND, CASH, FUT, CONTFUT, CRYPTO, CFD, CMDTY, BOND; "": of the con_id alone
  char exchange[24], primary_exchange[24];  // "": any
  char currency[8];
  char expiry[9];  // YYYYMM or YYYYMMDD, of a FUT; "": none
} instrument;

// Reads what a person writes, in any case:
//   EURUSD  EUR.USD  EUR/USD            two currencies: CASH on IDEALPRO
//   SPX                                 an index that everybody knows: IND on its exchange
//   AAPL  BRK B  BRK.B                  anything else: STK on SMART, in USD
//   SYMBOL:KIND:EXCHANGE:CURRENCY       all of it; the exchange may be SMART/PRIMARY
//   SYMBOL:FUT:EXCHANGE:CURRENCY:EXPIRY the expiry may be left out, where one alone is traded
//   CONID:265598                        by the source's number
// INVALID_ARGUMENT names the part that is wrong, and what would be right.
MESH_NODISCARD mesh_code instrument_parse(const char *text, instrument *out, mesh_error *err);

// The shortest text that instrument_parse() reads as the same instrument: its normal form. Never
// longer than the text that it was read from, but for one that is longer than INSTRUMENT_NAME_MAX:
// OUT_OF_RANGE.
MESH_NODISCARD mesh_code instrument_name(const instrument *one, char out[INSTRUMENT_NAME_MAX],
                                         mesh_error *err);

// Whether `found`, which a source tells of, can be what was asked for. False with what differs in
// `why`: "its currency is EUR, not USD". A future that is asked for by its month may be traded
// until up to two months beside it. The exchange is not compared: exchanges have several names.
bool instrument_fits(const instrument *asked, const instrument *found, char *why, size_t room);

// Changes `text` into its normal form, where it lies; leaves it as it is if it is none.
void instrument_normalize(char *text);

// What bars of the instrument of that name are made of where nobody says: MIDPOINT where no trades
// are told (CASH, CMDTY, CFD), AGGTRADES for CRYPTO, else TRADES. Static, as of prices.h.
const char *instrument_prices(const char *name);

// Which hours they cover: SESSION_REGULAR of STK, IND and BOND, else SESSION_ALL.
const char *instrument_session(const char *name);

#endif
