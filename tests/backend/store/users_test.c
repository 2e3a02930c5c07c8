// A series that somebody uses stays.
#include <string.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

typedef struct asked {
  const char *uses;  // the operation that does; "" none
  size_t count;      // operations that were asked about
  char texts[200];
} asked;

static bool is_user(void *arg, const char *const *texts, size_t count,
                    const store_operation *operation) {
  asked *own = arg;
  own->count++;
  own->texts[0] = '\0';
  for (size_t i = 0; i < count; i++) {
    strcat(own->texts, texts[i]);
    strcat(own->texts, " ");
  }
  assert_string_equal(operation->kind, "load");
  return strcmp(operation->name, own->uses) == 0;
}

static mesh_code remove_it(fixture *own, asked *about, mesh_error *err) {
  int64_t bars = -1;
  about->count = 0;
  mesh_code code = store_remove_unused_series(own->store, &spx_1m, is_user, about, &bars, err);
  if (code == GRPC_STATUS_OK) assert_int_equal(bars, 10);
  return code;
}

static void one_that_has_not_ended_holds_it(fixture *own) {
  mesh_error err;
  asked about = {.uses = "load-2"};
  put_ok(own, 0, 600, STORE_STORED, "", 10);
  add_operation(own, "load-1", 1);
  add_operation(own, "load-2", 2);
  assert_int_equal(remove_it(own, &about, &err), GRPC_STATUS_FAILED_PRECONDITION);
  assert_string_equal(err.reason, "IN_USE");
  assert_string_equal(err.message,
                      "SPX 1m is used by load-2, which has not ended: wait for it, or cancel it");
  assert_int_equal(count_bars(own), 10);
  reopen(own);  // interrupted, and not ended
  assert_int_equal(remove_it(own, &about, &err), GRPC_STATUS_FAILED_PRECONDITION);
  end_operation(own, "load-2");
  assert_int_equal(remove_it(own, &about, &err), GRPC_STATUS_OK);
  assert_int_equal(about.count, 1);
  assert_int_equal(remove_it(own, &about, &err), GRPC_STATUS_NOT_FOUND);
}

static void each_text_of_it_is_told(fixture *own) {
  mesh_error err;
  asked about = {.uses = ""};
  char name[INSTRUMENT_NAME_MAX];
  store_instrument one = {spx_1m.source, "SPX", 416904, {0}};
  put_ok(own, 0, 600, STORE_STORED, "", 10);
  add_operation(own, "load-1", 1);
  const char *texts[] = {"SPX", "CONID:416904"};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(
        store_name_instrument(own->store, texts[i], &one, "SPX:IND:CBOE:USD", name, &err),
        GRPC_STATUS_OK);
  }
  one = (store_instrument){"ib", "SPX", 416904, {0}};  // another source's texts are its own
  assert_int_equal(
      store_name_instrument(own->store, "CONID:9", &one, "SPX:IND:CBOE:USD", name, &err),
      GRPC_STATUS_OK);
  assert_int_equal(remove_it(own, &about, &err), GRPC_STATUS_OK);
  assert_non_null(strstr(about.texts, "SPX "));
  assert_non_null(strstr(about.texts, "CONID:416904 "));
  assert_null(strstr(about.texts, "CONID:9 "));
}

static void its_shadow_goes_with_it(fixture *own) {
  mesh_error err;
  asked about = {.uses = ""};
  char source[64] = STORE_SHADOW, second[64] = STORE_SHADOW;
  series_key shadow = spx_1m, next = spx_1m;
  int64_t bars;
  shadow.source = strcat(source, spx_1m.source);
  next.source = strcat(second, source);
  put_ok(own, 0, 600, STORE_STORED, "", 10);
  store_coverage part = {.from_s = 0, .to_s = 600, .state = STORE_FAILED, .reason = ""};
  store_ledger ledger = {&part, 1};
  assert_int_equal(store_put_segment(own->store, &shadow, &ledger, NULL, NULL, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(store_put_segment(own->store, &next, &ledger, NULL, NULL, &err), GRPC_STATUS_OK);
  assert_int_equal(remove_it(own, &about, &err), GRPC_STATUS_OK);
  assert_int_equal(store_remove_series(own->store, &shadow, &bars, &err), GRPC_STATUS_NOT_FOUND);
  assert_int_equal(store_remove_series(own->store, &next, &bars, &err), GRPC_STATUS_NOT_FOUND);
}

static const row rows[] = {
    {"one that has not ended holds it", one_that_has_not_ended_holds_it},
    {"each text of it is told", each_text_of_it_is_told},
    {"its shadow goes with it", its_shadow_goes_with_it},
};

int main(void) {
  RUN_ROWS("users", rows, run_row);
}
