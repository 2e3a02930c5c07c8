#include "backend/data/choice.h"

#include <string.h>

#include "mesh/runtime/text.h"

enum { STORED_MAX = 64, NAMES_MAX = 200 };

// What is stored of an instrument and a timeframe, and not ruled out.
typedef struct candidates {
  const series_key *asked;
  series_choice items[STORED_MAX];
  bool filled[STORED_MAX];
  size_t count;
} candidates;

series_key series_choice_key(const series_choice *own, const char *timeframe) {
  return (series_key){own->symbol, timeframe, own->source, own->prices, own->session};
}

series_choice series_shadow(const series_choice *own) {
  series_choice shadow = *own;
  mesh_text_format(shadow.source, sizeof shadow.source, "%s%.*s", STORE_SHADOW,
                   MESH_TEXT_SHOWN(own->source, (int)sizeof shadow.source - 2));
  return shadow;
}

static const char *or_empty(const char *text) {
  return text != NULL ? text : "";
}

static bool allows(const char *asked, const char *is) {
  return or_empty(asked)[0] == '\0' || strcmp(asked, is) == 0;
}

static void take(void *arg, const store_series *series) {
  candidates *all = arg;
  const series_key *key = &series->key, *asked = all->asked;
  bool fits = allows(asked->source, key->source) && allows(asked->prices, key->prices) &&
              allows(asked->session, key->session);
  if (!fits || all->count == STORED_MAX) return;
  series_choice *one = &all->items[all->count];
  mesh_text_copy(one->symbol, sizeof one->symbol, key->symbol);
  mesh_text_copy(one->source, sizeof one->source, key->source);
  mesh_text_copy(one->prices, sizeof one->prices, key->prices);
  mesh_text_copy(one->session, sizeof one->session, key->session);
  all->filled[all->count++] = series->bars > 0;
}

typedef bool (*is_wanted)(const candidates *all, size_t i, const void *arg);

// Keeps those that are wanted, where there are any.
static void prefer(candidates *all, is_wanted wanted, const void *arg) {
  size_t kept = 0;
  for (size_t i = 0; i < all->count; i++) {
    if (!wanted(all, i, arg)) continue;
    all->items[kept] = all->items[i];
    all->filled[kept++] = all->filled[i];
  }
  if (kept > 0) all->count = kept;
}

static bool has_bars(const candidates *all, size_t i, const void *arg) {
  (void)arg;
  return all->filled[i];
}

static bool has_default_prices(const candidates *all, size_t i, const void *defaults) {
  series_choice usual = all->items[i];
  series_key open = {.prices = "", .session = usual.session};
  series_fill_defaults(&open, defaults, &usual);
  return strcmp(usual.prices, all->items[i].prices) == 0;
}

static bool has_default_session(const candidates *all, size_t i, const void *defaults) {
  series_choice usual = all->items[i];
  series_key open = {.prices = usual.prices, .session = ""};
  series_fill_defaults(&open, defaults, &usual);
  return strcmp(usual.session, all->items[i].session) == 0;
}

static bool is_of_one_source(const candidates *all) {
  for (size_t i = 1; i < all->count; i++) {
    if (strcmp(all->items[i].source, all->items[0].source) != 0) return false;
  }
  return true;
}

// The sources, which are sorted; or else the prices and sessions.
static size_t list(const candidates *all, bool sources, char names[NAMES_MAX]) {
  size_t listed = 0;
  names[0] = '\0';
  for (size_t i = 0; i < all->count; i++) {
    const series_choice *one = &all->items[i];
    if (sources && i > 0 && strcmp(one->source, one[-1].source) == 0) continue;
    const char *comma = listed++ > 0 ? ", " : "";
    if (sources) {
      mesh_text_append(names, NAMES_MAX, "%s%s", comma, one->source);
    } else {
      mesh_text_append(names, NAMES_MAX, "%s%s %s", comma, one->prices, one->session);
    }
  }
  return listed;
}

static mesh_code choose(candidates *all, const series_defaults *defaults, series_choice *out,
                        mesh_error *err) {
  char names[NAMES_MAX];
  const series_key *asked = all->asked;
  prefer(all, has_bars, NULL);
  if (!is_of_one_source(all)) {
    size_t listed = list(all, true, names);
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "%s %s is stored of %zu sources, which never mix: name one (--source): %s",
                     asked->symbol, asked->timeframe, listed, names);
  }
  prefer(all, has_default_prices, defaults);
  prefer(all, has_default_session, defaults);
  *out = all->items[0];
  if (all->count == 1) return GRPC_STATUS_OK;
  list(all, false, names);
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "%s %s is stored with several prices or sessions: name them (--prices, "
                   "--session): %s",
                   asked->symbol, asked->timeframe, names);
}

void series_fill_defaults(const series_key *asked, const series_defaults *defaults,
                          series_choice *out) {
  const char *prices = or_empty(asked->prices), *session = or_empty(asked->session);
  if (prices[0] == '\0') prices = or_empty(defaults->prices);
  if (prices[0] == '\0') prices = instrument_prices(out->symbol);
  if (session[0] == '\0') session = or_empty(defaults->session);
  if (session[0] == '\0') session = instrument_session(out->symbol);
  mesh_text_copy(out->prices, sizeof out->prices, prices);
  mesh_text_copy(out->session, sizeof out->session, session);
}

mesh_code series_choose(store *store, const series_key *asked, const series_defaults *defaults,
                        series_choice *out, mesh_error *err) {
  candidates all = {.asked = asked};
  *out = (series_choice){0};
  mesh_text_copy(out->symbol, sizeof out->symbol, asked->symbol);
  mesh_text_copy(out->source, sizeof out->source, or_empty(asked->source));
  series_fill_defaults(asked, defaults, out);
  mesh_code code = store_list_sources(store, asked, take, &all, err);
  if (code != GRPC_STATUS_OK || all.count == 0) return code;
  return choose(&all, defaults, out, err);
}
