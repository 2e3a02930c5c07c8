// What another process left without an outcome goes on here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/message_report.h"
#include "mesh/operation/operation_internal.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

typedef struct adoption {
  mesh_operations *operations;
  const mesh_kind *kinds;
  size_t kind_count;
  const char *reason;
  char last[MESH_OPERATION_NAME_MAX];  // the one that the next page begins after, and its time
  int64_t last_created_ns;
  int count;
  mesh_code code;
  mesh_error err;
} adoption;

static const mesh_kind *find_kind(const adoption *all, const char *name) {
  for (size_t i = 0; i < all->kind_count; i++) {
    if (strcmp(all->kinds[i].name, name) == 0) return &all->kinds[i];
  }
  return NULL;
}

// The work of one that cannot go on: fails with the reason.
static mesh_code fail_adopted(mesh_operation *operation, void *arg,
                              Millrace__V1__Succeeded *succeeded,
                              Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  (void)operation, (void)succeeded, (void)cancelled;
  *err = *(mesh_error *)arg;
  return err->code;
}

static mesh_work make_failure(const mesh_error *why) {
  mesh_error *kept = malloc(sizeof *kept);
  if (kept == NULL) abort();
  *kept = *why;
  return (mesh_work){.run = fail_adopted, .on_end = free, .arg = kept};
}

// The work as it was started, or one that says why it cannot go on.
static mesh_work rebuild(const adoption *all, const mesh_operation_record *record,
                         mesh_start *start) {
  mesh_error err;
  mesh_work work = {0};
  const mesh_kind *kind = find_kind(all, record->kind);
  *start = (mesh_start){0};
  if (kind == NULL) {
    mesh_fail(&err, GRPC_STATUS_ABORTED, "%s ended while it ran, and cannot go on with a '%s'",
              all->operations->layer, record->kind);
    return make_failure(&err);
  }
  mesh_code code = kind->rebuild(kind->self, record->request, start, &work, &err);
  if (code == GRPC_STATUS_OK) return work;
  mesh_error_prefix(&err, "it cannot go on");
  return make_failure(&err);
}

static mesh_code report_adopted(mesh_operation *operation, const char *reason, mesh_error *err) {
  Millrace__V1__Adopted adopted = MILLRACE__V1__ADOPTED__INIT;
  adopted.layer = (char *)operation->operations->layer;
  adopted.reason = (char *)reason;
  return mesh_operation_append_message(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ADOPTED,
                                       &adopted.base, err);
}

// Where the journal refuses the adoption, the operation stays for a later one.
static void give_back(mesh_operation *operation) {
  mesh_scope_remove_hook(&operation->on_stop);
  mesh_scope_close(&operation->scope);
  mesh_scope_close(&operation->stop_scope);
  if (operation->work.on_end != NULL) operation->work.on_end(operation->work.arg);
  mesh_operation_end(operation);
}

static void adopt_one(void *arg, const mesh_operation_record *record) {
  adoption *all = arg;
  if (all->code != GRPC_STATUS_OK) return;
  mesh_start start;
  mesh_text_copy(all->last, sizeof all->last, record->name);
  all->last_created_ns = record->created_ns;
  mesh_work work = rebuild(all, record, &start);
  mesh_operation_record taken = *record;
  taken.epoch++;
  mesh_operation *operation = mesh_operation_create(all->operations, &taken, &work, start.options);
  mesh_operation_hold(operation);
  mesh_operation_enter(operation, record->state);
  if (record->state == STATE(CANCELLING)) {
    const char *requested_by = record->requested_by[0] != '\0' ? record->requested_by : "somebody";
    mesh_operation_stop(operation, requested_by, true);
  }
  all->code = report_adopted(operation, all->reason, &all->err);
  if (all->code == GRPC_STATUS_OK) {
    all->count++;
    mesh_operation_run(operation);
    int64_t least_ms = all->operations->options.adopt_grace_ms;
    mesh_operation_await_keeper(operation,
                                operation->grace_ms > least_ms ? operation->grace_ms : least_ms);
  } else {
    give_back(operation);
  }
  mesh_operation_release(operation);
}

// Those in one state, a page at a time. An adoption does not change their order.
static mesh_code adopt_all(adoption *all, Millrace__V1__OperationState state, mesh_error *err) {
  const mesh_journal *journal = all->operations->journal;
  mesh_code code = GRPC_STATUS_OK;
  bool more = true;
  all->last[0] = '\0';
  while (more && code == GRPC_STATUS_OK && all->code == GRPC_STATUS_OK) {
    char after[MESH_OPERATION_NAME_MAX];
    memcpy(after, all->last, sizeof after);
    mesh_operation_filter filter = {.state = state,
                                    .after = after,
                                    .after_created_ns = all->last_created_ns,
                                    .whole = true,
                                    .limit = INT32_MAX};
    code = journal->list(journal->self, &filter, adopt_one, all, &more, err);
  }
  return code;
}

mesh_code mesh_operations_adopt(mesh_operations *operations, const mesh_kind *kinds,
                                size_t kind_count, const char *reason, int *adopted,
                                mesh_error *err) {
  static const Millrace__V1__OperationState open_states[] = {STATE(RUNNING), STATE(CANCELLING)};
  adoption all = {.operations = operations,
                  .kinds = kinds,
                  .kind_count = kind_count,
                  .reason = reason,
                  .code = GRPC_STATUS_OK};
  operations->holding = true;
  for (int i = 0; i < 2 && all.code == GRPC_STATUS_OK; i++) {
    mesh_code code = adopt_all(&all, open_states[i], err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (adopted != NULL) *adopted = all.count;
  if (all.code != GRPC_STATUS_OK) {
    *err = all.err;
    return all.code;
  }
  if (all.count > 0) {
    mesh_log(MESH_LOG_INFO, operations->layer, "goes on with %d operations: %s", all.count, reason);
  }
  return GRPC_STATUS_OK;
}

void mesh_operations_resume(mesh_operations *operations) {
  operations->holding = false;
  mesh_signal_notify(&operations->resumed);
}
