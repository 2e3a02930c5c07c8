// Which series a load brings: the instrument that its symbol is at the source, and what its bars
// are made of.
#include <stdlib.h>
#include <string.h>

#include "backend/data/fetch.h"
#include "backend/data/load_internal.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"

enum { CHOICES_SHOWN = 8 };

// ---- what the store knows ----

typedef struct store_job {
  load *own;
  const fetch_contract *found;  // to be noted
  mesh_code code;
  mesh_error err;
} store_job;

static void take_instrument(void *arg, const store_instrument *known) {
  load *own = arg;
  mesh_text_copy(own->series.symbol, sizeof own->series.symbol, known->name);
  own->con_id = known->con_id;
}

static void do_find(void *arg) {
  store_job *job = arg;
  load *own = job->own;
  job->code = store_find_instrument(own->manager->store, own->source, own->symbol, take_instrument,
                                    own, &job->err);
}

static mesh_code find_known(load *own, mesh_error *err) {
  store_job job = {.own = own};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_find, &job);
  if (job.code != GRPC_STATUS_OK) *err = job.err;
  return job.code;
}

// ---- what the source says ----

// Its name in full; by its number where that is no text that would find it again.
static void name_in_full(const instrument *what, char out[INSTRUMENT_NAME_MAX]) {
  instrument again;
  mesh_error ignored;
  // A host may say anything; a name is what can be asked for.
  bool told = strcmp(what->kind, "BOND") != 0 &&
              instrument_name(what, out, &ignored) == GRPC_STATUS_OK &&
              instrument_parse(out, &again, &ignored) == GRPC_STATUS_OK &&
              request_check_symbol(out, &ignored) == GRPC_STATUS_OK;
  if (!told) mesh_text_format(out, INSTRUMENT_NAME_MAX, "CONID:%lld", (long long)what->con_id);
}

static mesh_bytes pack(const fetch_contract *from) {
  Millrace__V1__Contract contract = MILLRACE__V1__CONTRACT__INIT;
  const instrument *what = &from->what;
  contract.con_id = what->con_id;
  contract.symbol = (char *)what->symbol;
  contract.sec_type = (char *)what->kind;
  contract.exchange = (char *)what->exchange;
  contract.primary_exchange = (char *)what->primary_exchange;
  contract.currency = (char *)what->currency;
  contract.expiry = (char *)what->expiry;
  contract.long_name = (char *)from->long_name;
  return mesh_message_pack(&contract.base);
}

// An instrument is called by the text that it was asked for with first. A number is no name, where
// there is another. A dry run notes nothing.
static void do_name(void *arg) {
  store_job *job = arg;
  load *own = job->own;
  char in_full[INSTRUMENT_NAME_MAX];
  bool by_number = strncmp(own->symbol, "CONID:", 6) == 0;
  name_in_full(&job->found->what, in_full);
  mesh_bytes about = pack(job->found);
  store_instrument one = {.source = own->source,
                          .name = by_number ? in_full : own->symbol,
                          .con_id = own->con_id,
                          .about = mesh_bytes_view(about)};
  store *store = own->manager->store;
  job->code =
      own->looks_only
          ? store_foretell_name(store, &one, in_full, own->series.symbol, &job->err)
          : store_name_instrument(store, own->symbol, &one, in_full, own->series.symbol, &job->err);
  free(about.data);
}

// What tells a choice from all others: its number, where another one has the same name.
static void name_choice(const fetch_contracts *found, int index, char out[INSTRUMENT_NAME_MAX]) {
  char other[INSTRUMENT_NAME_MAX];
  const instrument *what = &found->items[index].what;
  name_in_full(what, out);
  for (int i = 0; i < found->count; i++) {
    name_in_full(&found->items[i].what, other);
    if (i == index || strcmp(out, other) != 0) continue;
    mesh_text_format(out, INSTRUMENT_NAME_MAX, "CONID:%lld", (long long)what->con_id);
    return;
  }
}

static mesh_code refuse_choice(const load *own, const fetch_contracts *found, mesh_error *err) {
  char choices[800] = "", name[INSTRUMENT_NAME_MAX];
  int shown = found->count < CHOICES_SHOWN ? found->count : CHOICES_SHOWN;
  for (int i = 0; i < shown; i++) {
    name_choice(found, i, name);
    mesh_text_append(choices, sizeof choices, "%s%s", i > 0 ? ", " : "", name);
    if (found->items[i].long_name[0] != '\0') {
      mesh_text_append(choices, sizeof choices, " (%.*s)",
                       MESH_TEXT_SHOWN(found->items[i].long_name, 30));
    }
  }
  int all = found->count + found->others;
  if (all > shown) mesh_text_append(choices, sizeof choices, ", and %d more", all - shown);
  mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "%s is %d instruments: name one of %s",
            own->symbol, all, choices);
  mesh_error_set_reason(err, "AMBIGUOUS", "data-manager.millrace");
  return err->code;
}

// A source that answers with something else is not believed: its bars would be another's.
static mesh_code check_fits(const load *own, const instrument *found, mesh_error *err) {
  instrument asked;
  char why[200];
  mesh_code code = instrument_parse(own->symbol, &asked, err);
  if (code != GRPC_STATUS_OK || instrument_fits(&asked, found, why, sizeof why)) return code;
  mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "%s: the source answers with another one: %s",
            own->symbol, why);
  mesh_error_set_reason(err, "ANOTHER_INSTRUMENT", "data-manager.millrace");
  return err->code;
}

// The continuous future has the number of another month after each roll: its name finds it.
static bool has_a_number(const instrument *what) {
  return strcmp(what->kind, "CONTFUT") != 0;
}

static mesh_code ask_source(load *own, mesh_error *err) {
  load_piece piece = {.own = own};
  fetch_contracts found;
  own->requests++;
  mesh_code code = fetch_contracts_of(mesh_operation_scope(own->operation), own->manager->adapter,
                                      own->symbol, load_again, &piece, &found, err);
  if (code != GRPC_STATUS_OK) return code;
  patience_end(&own->patience);
  if (!found.told) {  // a host that knows its instruments by their names
    mesh_text_copy(own->series.symbol, sizeof own->series.symbol, own->symbol);
    return GRPC_STATUS_OK;
  }
  if (found.count == 0) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "the source knows nothing that is called %s",
                     own->symbol);
  }
  if (found.count > 1) return refuse_choice(own, &found, err);
  code = check_fits(own, &found.items[0].what, err);
  if (code != GRPC_STATUS_OK) return code;
  own->con_id = has_a_number(&found.items[0].what) ? found.items[0].what.con_id : 0;
  store_job job = {.own = own, .found = &found.items[0]};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_name, &job);
  if (job.code != GRPC_STATUS_OK) *err = job.err;
  return job.code;
}

mesh_code load_find_instrument(load *own, mesh_error *err) {
  own->con_id = 0;
  mesh_code code = find_known(own, err);
  if (code == GRPC_STATUS_NOT_FOUND && own->is_guess) {
    mesh_text_copy(own->series.symbol, sizeof own->series.symbol, own->symbol);
    code = GRPC_STATUS_OK;
  }
  if (code == GRPC_STATUS_NOT_FOUND) code = ask_source(own, err);
  if (code != GRPC_STATUS_OK) return code;
  series_key asked = {.prices = own->request->prices, .session = own->request->session};
  mesh_text_copy(own->series.source, sizeof own->series.source, own->source);
  series_fill_defaults(&asked, &own->manager->options.defaults, &own->series);
  return GRPC_STATUS_OK;
}
