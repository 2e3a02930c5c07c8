// Filters of both list requests: what they let through, and how they name what is wrong.
#include "backend/operations/filter.h"

#include <string.h>

#include "tests/unit.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name
#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

// ---- the standard's text ----

typedef struct text_case {
  const char *name, *text;
  Millrace__V1__OperationState state;
  const char *kind, *labels;  // NULL: any
  const char *error;          // NULL: the text is fine
} text_case;

static const text_case texts[] = {
    {"nothing", "", .labels = NULL},
    {"a state", "state=RUNNING", STATE(RUNNING), .labels = ""},
    {"another state", "state=CANCELLED", STATE(CANCELLED), .labels = ""},
    {"a kind", "kind=load", .kind = "load", .labels = ""},
    {"a label", "labels.team=fx", .labels = "team=fx\n"},
    {"a label without a value", "labels.team=", .labels = "team=\n"},
    {"a label with an odd value", "labels.team=a=b c", .labels = "team=a=b c\n"},
    {"a label with a dotted key", "labels.a.b/c=1", .labels = "a.b/c=1\n"},
    {"the longest key", "labels." LABEL_63 "=1", .labels = LABEL_63 "=1\n"},
    {"labels come by key", "labels.b=2 AND labels.a=1", .labels = "a=1\nb=2\n"},
    {"everything", "labels.team=fx AND kind=load AND state=FAILED", STATE(FAILED), .kind = "load",
     .labels = "team=fx\n"},

    {"an unknown term", "name=x",
     .error = "filter: 'name=x' is none of state=, kind=, labels.KEY="},
    {"an unknown state", "state=running", .error = "filter: 'state=running' is none of RUNNING"},
    {"no state", "state=", .error = "filter: 'state=' is none of"},
    {"the unspecified state", "state=OPERATION_STATE_UNSPECIFIED", .error = "is none of RUNNING"},
    {"a part of a state", "state=RUN", .error = "filter: 'state=RUN' is none of"},
    {"two states", "state=RUNNING AND state=FAILED",
     .error = "filter: 'state=FAILED' is a second state"},
    {"no kind", "kind=", .error = "filter: 'kind=' names no kind"},
    {"two kinds", "kind=load AND kind=load", .error = "filter: 'kind=load' is a second kind"},
    {"an OR", "kind=load OR kind=fetch", .error = "'kind=load OR kind=fetch' names no kind"},
    {"a label without =", "labels.team", .error = "filter: 'labels.team' has no value"},
    {"a bad key", "labels.Team=fx", .error = "label 'Team': a key is"},
    {"no key", "labels.=fx", .error = "label '': a key is"},
    {"a key that is too long", "labels." LABEL_63 "4=1", .error = "up to 63 bytes"},
    {"a label twice", "labels.a=1 AND labels.a=2", .error = "label a is given twice"},
    {"an AND too many", "kind=load AND ", .error = "filter: '' is none of"},
    {"an AND before", " AND kind=load", .error = "filter: '' is none of"},
    {"another and", "kind=load and state=FAILED", .error = "names no kind"},
    {"blanks", " kind=load", .error = "filter: ' kind=load' is none of"},
};

static void assert_text(const char *got, const char *want) {
  if (want == NULL) want = "";  // the journal takes both for "any"
  assert_string_equal(got == NULL ? "" : got, want);
}

static void check_text(void **state) {
  const text_case *own = *state;
  operation_filter filter;
  mesh_error err = {.message = ""};
  mesh_code code = operation_filter_parse(&filter, own->text, &err);
  if (own->error == NULL) {
    assert_string_equal(err.message, "");
    assert_int_equal(code, GRPC_STATUS_OK);
    assert_int_equal(filter.filter.state, own->state);
    assert_text(filter.filter.kind, own->kind);
    assert_text(filter.filter.labels, own->labels);
    assert_true(filter.filter.limit > 0);
  } else {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    if (strstr(err.message, own->error) == NULL) fail_msg("%s", err.message);
  }
  operation_filter_fini(&filter);
}

static void check_too_many_labels(void **state) {
  (void)state;
  char text[1024] = "labels.a=1";
  for (int i = 0; i < 32; i++)
    strcat(text, " AND labels.a=1");
  operation_filter filter;
  mesh_error err;
  assert_int_equal(operation_filter_parse(&filter, text, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_string_equal(err.message, "filter: 'labels.a=1' is one label too many");
  operation_filter_fini(&filter);
}

// ---- our own request ----

typedef struct request_case {
  const char *name;
  int32_t limit, state;
  int64_t from_s, to_s;  // -1: unset
  int32_t nanos;         // of `from`
  const char *label;     // its key; NULL: none
  mesh_operation_filter want;
  const char *error;
} request_case;

static const request_case requests[] = {
    {"nothing", .from_s = -1, .to_s = -1, .want = {.limit = OPERATION_FILTER_LIMIT}},
    {"a limit", .limit = 7, .from_s = -1, .to_s = -1, .want = {.limit = 7}},
    {"a state", .state = STATE(FAILED), .from_s = -1, .to_s = -1,
     .want = {.limit = OPERATION_FILTER_LIMIT, .state = STATE(FAILED)}},
    {"a window", .from_s = 1, .nanos = 5, .to_s = 2,
     .want = {.limit = OPERATION_FILTER_LIMIT,
              .created_from_ns = 1000000005,
              .created_to_ns = 2000000000}},
    {"a beginning", .from_s = 9, .to_s = -1,
     .want = {.limit = OPERATION_FILTER_LIMIT, .created_from_ns = 9000000000}},
    {"an end", .from_s = -1, .to_s = 9,
     .want = {.limit = OPERATION_FILTER_LIMIT, .created_to_ns = 9000000000}},
    {"a label", .from_s = -1, .to_s = -1, .label = "team",
     .want = {.limit = OPERATION_FILTER_LIMIT, .labels = "team=fx\n"}},

    {"a bad limit", .limit = -1, .from_s = -1, .to_s = -1, .error = "limit is -1"},
    {"a bad state", .state = 42, .from_s = -1, .to_s = -1, .error = "state 42"},
    {"an empty window", .from_s = 2, .to_s = 2, .error = "created_to (2 s) is not after"},
    {"an end at the beginning", .from_s = -1, .to_s = 0, .error = "created_to (0 s) is not after"},
    {"a time before year 1", .from_s = INT64_MIN, .to_s = -1,
     .error = "created_from is -9223372036854775808 s and 0 ns"},
    {"a time too late", .from_s = -1, .to_s = INT64_MAX, .error = "created_to is 92233720"},
    {"bad nanoseconds", .from_s = 1, .nanos = 1000000000, .to_s = -1, .error = "1000000000 ns"},
    {"a bad label", .from_s = -1, .to_s = -1, .label = "Team", .error = "label 'Team'"},
};

static void compare(const mesh_operation_filter *got, const mesh_operation_filter *want) {
  assert_int_equal(got->limit, want->limit);
  assert_int_equal(got->state, want->state);
  assert_int_equal(got->created_from_ns, want->created_from_ns);
  assert_int_equal(got->created_to_ns, want->created_to_ns);
  assert_text(got->labels, want->labels);
}

static void check_request(void **state) {
  const request_case *own = *state;
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Google__Protobuf__Timestamp to = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  from.seconds = own->from_s, from.nanos = own->nanos, to.seconds = own->to_s;
  Millrace__V1__ListOperationsRequest__LabelsEntry
      label = MILLRACE__V1__LIST_OPERATIONS_REQUEST__LABELS_ENTRY__INIT,
      *labels[1] = {&label};
  label.key = (char *)own->label, label.value = "fx";
  Millrace__V1__ListOperationsRequest request = MILLRACE__V1__LIST_OPERATIONS_REQUEST__INIT;
  request.limit = own->limit;
  request.state = (Millrace__V1__OperationState)own->state;
  if (own->from_s != -1) request.created_from = &from;
  if (own->to_s != -1) request.created_to = &to;
  request.labels = labels, request.n_labels = own->label != NULL;

  operation_filter filter;
  mesh_error err = {.message = ""};
  mesh_code code = operation_filter_init(&filter, &request, &err);
  if (own->error == NULL) {
    assert_int_equal(code, GRPC_STATUS_OK);
    compare(&filter.filter, &own->want);
  } else {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    if (strstr(err.message, own->error) == NULL) fail_msg("%s", err.message);
  }
  operation_filter_fini(&filter);
}

static int run_texts(void) {
  RUN_ROWS("texts", texts, check_text);
}

static int run_requests(void) {
  RUN_ROWS("requests", requests, check_request);
}

int main(void) {
  const struct CMUnitTest others[] = {cmocka_unit_test(check_too_many_labels)};
  return run_texts() + run_requests() + cmocka_run_group_tests(others, NULL, NULL);
}
