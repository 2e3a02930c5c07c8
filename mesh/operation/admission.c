#include "mesh/operation/admission.h"

#include "mesh/runtime/time.h"

enum { BURST_S = 10, RETRY_LEAST_MS = 1, RETRY_RUNNING_MS = 5000, RETRY_PART_MS = 500 };

static int64_t burst_of(const mesh_admission *own) {
  return mesh_multiply(own->starts_per_s, BURST_S);
}

mesh_admission mesh_admission_create(int64_t running_most, int64_t starts_per_s, int64_t now_ns) {
  mesh_admission own = {
      .running_most = running_most, .starts_per_s = starts_per_s, .filled_ns = now_ns};
  own.left = burst_of(&own);
  return own;
}

// Adds what the time since the last count allows; the rest of a start stays in filled_ns.
static void fill(mesh_admission *own, int64_t now_ns) {
  int64_t one_ns = MESH_S_NS / own->starts_per_s;
  int64_t more = mesh_time_between(own->filled_ns, now_ns) / one_ns;
  if (more <= 0) return;
  own->filled_ns += more * one_ns;
  own->left = more < burst_of(own) - own->left ? own->left + more : burst_of(own);
}

static mesh_code check_running(const mesh_admission *own, int64_t running, const char *what,
                               int64_t retry_ms, mesh_error *err) {
  if (own->running_most == 0 || running < own->running_most) return GRPC_STATUS_OK;
  mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "%lld %s run, and no more may (limits.operations)",
            (long long)own->running_most, what);
  mesh_error_set_reason(err, "TOO_MANY_OPERATIONS", "mesh.millrace");
  mesh_error_set_retry(err, retry_ms);
  return GRPC_STATUS_RESOURCE_EXHAUSTED;
}

mesh_code mesh_admission_take_part(const mesh_admission *own, int64_t parts, mesh_error *err) {
  return check_running(own, parts, "parts of operations", RETRY_PART_MS, err);
}

mesh_code mesh_admission_take(mesh_admission *own, int64_t running, int64_t now_ns,
                              mesh_error *err) {
  mesh_code code = check_running(own, running, "operations", RETRY_RUNNING_MS, err);
  if (code != GRPC_STATUS_OK || own->starts_per_s == 0) return code;
  fill(own, now_ns);
  if (own->left > 0) {
    own->left--;
    return GRPC_STATUS_OK;
  }
  mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
            "operations start too fast: %lld a second may (limits.starts_per_s)",
            (long long)own->starts_per_s);
  mesh_error_set_reason(err, "TOO_MANY_STARTS", "mesh.millrace");
  mesh_error_set_retry(err, RETRY_LEAST_MS + 1000 / own->starts_per_s);
  return GRPC_STATUS_RESOURCE_EXHAUSTED;
}
