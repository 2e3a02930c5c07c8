#include "tools/papergate/bar_text.h"

#include <math.h>

#include "tools/papergate/messages.h"

pg_bar_style pg_bar_style_of(const pg_bar_request *request, const pg_contract *contract,
                             bool forex_volume) {
  bool trades = request->show == PG_SHOW_TRADES || request->show == PG_SHOW_ADJUSTED_LAST;
  return (pg_bar_style){.daily = timeframe_is_daily(request->size),
                        .format_date = request->format_date,
                        .volume = pg_contract_is_forex(contract) ? forex_volume : trades};
}

static void put_date(ib_outbox *out, int64_t time, const pg_bar_style *style) {
  char text[PG_TIME_TEXT_MAX];
  if (style->daily) {
    ib_put_text(out, pg_format_day(time, text));
  } else if (style->format_date == 2) {
    ib_put_int(out, time);
  } else {
    const char *year_digits = pg_format_zoned(time, text);
    ib_put_text(out, style->format_date == 3 ? year_digits + 4 : year_digits);
  }
}

static void put_volume(ib_outbox *out, const pg_bar *bar, const pg_bar_style *style) {
  if (style->volume) {
    ib_put_double(out, bar->volume);
  } else {
    ib_put_int(out, -1);
  }
}

// The volume-weighted price is not recorded: the middle of the bar stands for it, to 5 decimals.
static void put_average(ib_outbox *out, const pg_bar *bar, const pg_bar_style *style) {
  if (style->volume) {
    ib_put_double(out, rint((bar->high + bar->low + bar->close) / 3 * 1e5) / 1e5);
  } else {
    ib_put_int(out, -1);
  }
}

// Nor is the number of trades: one for each hundred of volume, and the first.
static void put_count(ib_outbox *out, const pg_bar *bar, const pg_bar_style *style) {
  double count = 1 + bar->volume / 100;
  if (!style->volume || count < 0) {
    ib_put_int(out, -1);
  } else {
    ib_put_int(out, count < 2e9 ? (int64_t)count : 2000000000);
  }
}

void pg_put_bar(ib_outbox *out, const pg_bar *bar, const pg_bar_style *style) {
  put_date(out, bar->time, style);
  ib_put_double(out, bar->open);
  ib_put_double(out, bar->high);
  ib_put_double(out, bar->low);
  ib_put_double(out, bar->close);
  put_volume(out, bar, style);
  put_average(out, bar, style);
  put_count(out, bar, style);
}

bool pg_put_update(ib_outbox *out, int64_t req_id, const pg_bar *bar, const pg_bar_style *style) {
  ib_begin(out);
  ib_put_int(out, PG_HISTORICAL_DATA_UPDATE);
  ib_put_int(out, req_id);
  put_count(out, bar, style);
  put_date(out, bar->time, style);
  ib_put_double(out, bar->open);
  ib_put_double(out, bar->close);
  ib_put_double(out, bar->high);
  ib_put_double(out, bar->low);
  put_average(out, bar, style);
  put_volume(out, bar, style);
  return ib_end(out);
}
