// Whether two requests ask for the same, and what differs if not.
#include "mesh/operation/same_request.h"

#include <stdlib.h>

#include "mesh/rpc/pack.h"
#include "millrace/v1/data.pb-c.h"
#include "tests/unit.h"

typedef Millrace__V1__LoadRequest load;
typedef Millrace__V1__StartOptions__LabelsEntry label;

// A request with everything in it.
typedef struct whole {
  load request;
  Google__Protobuf__Timestamp from;
  Millrace__V1__StartOptions start;
  label a, b, *labels[2];
} whole;

static void fill(whole *own) {
  millrace__v1__load_request__init(&own->request);
  google__protobuf__timestamp__init(&own->from);
  millrace__v1__start_options__init(&own->start);
  millrace__v1__start_options__labels_entry__init(&own->a);
  millrace__v1__start_options__labels_entry__init(&own->b);
  own->a.key = "a";
  own->a.value = "1";
  own->b.key = "b";
  own->b.value = "2";
  own->labels[0] = &own->a;
  own->labels[1] = &own->b;
  own->start.n_labels = 2;
  own->start.labels = own->labels;
  own->start.request_id = "r-1";
  own->start.deadline_ms = 1000;
  own->from.seconds = 17;
  own->request.symbol = "SPX";
  own->request.timeframe = "1d";
  own->request.from = &own->from;
  own->request.start = &own->start;
}

static void nothing(whole *own) {
  (void)own;
}
static void other_symbol(whole *own) {
  own->request.symbol = "NDX";
}
static void no_timeframe(whole *own) {
  own->request.timeframe = "";
}
static void no_from(whole *own) {
  own->request.from = NULL;
}
static void later_from(whole *own) {
  own->from.seconds = 18;
}
static void other_mode(whole *own) {
  own->request.mode = MILLRACE__V1__LOAD_REQUEST__MODE__TAIL;
}
static void who_asks(whole *own) {
  own->start.request_id = "r-2";
  own->start.detached = true;
  own->start.grace_ms = 5;
}
static void labels_in_another_order(whole *own) {
  own->labels[0] = &own->b;
  own->labels[1] = &own->a;
}
static void other_label(whole *own) {
  own->b.value = "3";
}
static void fewer_labels(whole *own) {
  own->start.n_labels = 1;
}
static void other_deadline(whole *own) {
  own->start.deadline_ms = 2000;
}
static void no_start(whole *own) {
  own->request.start = NULL;
}
static void symbol_and_mode(whole *own) {
  other_symbol(own);
  other_mode(own);
}

typedef struct row {
  const char *name;
  void (*change)(whole *own);
  const char *field;  // that differs; "": none
} row;

static const row rows[] = {
    {"the same", nothing, ""},
    {"a string", other_symbol, "symbol"},
    {"a string that is missing", no_timeframe, "timeframe"},
    {"a message that is missing", no_from, "from"},
    {"a message", later_from, "from"},
    {"a number where the other has none", other_mode, "mode"},
    {"who asks, and how long it stays", who_asks, ""},
    {"labels in another order", labels_in_another_order, ""},
    {"a label", other_label, "start.labels"},
    {"fewer labels", fewer_labels, "start.labels"},
    {"an option", other_deadline, "start.deadline_ms"},
    {"no options", no_start, "start"},
    {"the first of two", symbol_and_mode, "symbol"},
};

static void check(void **state) {
  const row *own = *state;
  whole left, right;
  fill(&left);
  fill(&right);
  own->change(&right);
  mesh_bytes a = mesh_message_pack(&left.request.base), b = mesh_message_pack(&right.request.base);
  mesh_view views[] = {{a.data, a.size_bytes}, {b.data, b.size_bytes}};
  for (int i = 0; i < 2; i++) {  // either way round
    char field[MESH_FIELD_NAME_MAX];
    bool same =
        mesh_same_request(&millrace__v1__load_request__descriptor, views[i], views[1 - i], field);
    assert_string_equal(field, own->field);
    assert_int_equal(same, own->field[0] == '\0');
  }
  free(a.data);
  free(b.data);
}

static void what_has_no_type_is_bytes(void **state) {
  (void)state;
  char field[MESH_FIELD_NAME_MAX];
  mesh_view one = {(const uint8_t *)"one", 3}, two = {(const uint8_t *)"two", 3}, none = {0};
  assert_true(mesh_same_request(NULL, one, one, field));
  assert_true(mesh_same_request(NULL, none, none, field));
  assert_false(mesh_same_request(NULL, one, two, field));
  assert_string_equal(field, "request");
}

// What is no message of the type differs, without a name for it.
static void what_cannot_be_read_differs(void **state) {
  (void)state;
  char field[MESH_FIELD_NAME_MAX];
  mesh_view broken = {(const uint8_t *)"\x0a\xff\xff", 3}, good = {(const uint8_t *)"\x0a\x01x", 3};
  const ProtobufCMessageDescriptor *type = &millrace__v1__load_request__descriptor;
  assert_false(mesh_same_request(type, broken, good, field));
  assert_true(field[0] != '\0');
  assert_true(mesh_same_request(type, broken, broken, field));
}

int main(void) {
  int failed = 0;
  const struct CMUnitTest others[] = {
      cmocka_unit_test(what_has_no_type_is_bytes),
      cmocka_unit_test(what_cannot_be_read_differs),
  };
  failed += cmocka_run_group_tests_name("same request", others, NULL, NULL);
  struct CMUnitTest tests[sizeof rows / sizeof *rows];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    tests[i] = (struct CMUnitTest){rows[i].name, check, NULL, NULL, (void *)(uintptr_t)&rows[i]};
  failed += cmocka_run_group_tests_name("same request", tests, NULL, NULL);
  return failed;
}
