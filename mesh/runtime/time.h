// mesh_time: times and durations in nanoseconds that saturate. What comes from outside (a request's
// milliseconds, a peer's Timestamp, a flag) becomes nanoseconds here and nowhere else: a product
// that does not fit is "for ever", never a moment in the past. Pure functions; any thread.
#ifndef MILLRACE_MESH_RUNTIME_TIME_H
#define MILLRACE_MESH_RUNTIME_TIME_H

#include <stdbool.h>
#include <stdint.h>

// MESH_NEVER: a deadline that does not come; as a duration, for ever. MESH_LONG_AGO is its mirror.
#define MESH_NEVER INT64_MAX
#define MESH_LONG_AGO INT64_MIN

#define MESH_US_NS INT64_C(1000)
#define MESH_MS_NS INT64_C(1000000)
#define MESH_S_NS INT64_C(1000000000)

// What google.protobuf.Timestamp may hold: years 1 to 9999; what Duration may: 10,000 years.
#define MESH_TIMESTAMP_FIRST_S INT64_C(-62135596800)
#define MESH_TIMESTAMP_LAST_S INT64_C(253402300799)
#define MESH_DURATION_MOST_S INT64_C(315576000000)

// The product; what does not fit is INT64_MAX or INT64_MIN.
static inline int64_t mesh_multiply(int64_t a, int64_t b) {
  int64_t product;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

// A time, `duration_ns` later. MESH_NEVER stays what it is; so does MESH_LONG_AGO.
static inline int64_t mesh_time_add(int64_t time_ns, int64_t duration_ns) {
  int64_t sum;
  if (time_ns == MESH_NEVER || time_ns == MESH_LONG_AGO) return time_ns;
  if (!__builtin_add_overflow(time_ns, duration_ns, &sum)) return sum;
  return duration_ns > 0 ? MESH_NEVER : MESH_LONG_AGO;
}

// How long from `from_ns` to `to_ns`. To MESH_NEVER it is for ever.
static inline int64_t mesh_time_between(int64_t from_ns, int64_t to_ns) {
  int64_t difference;
  if (to_ns == MESH_NEVER || to_ns == MESH_LONG_AGO) return to_ns;
  if (!__builtin_sub_overflow(to_ns, from_ns, &difference)) return difference;
  return to_ns > from_ns ? INT64_MAX : INT64_MIN;
}

// Durations of other units.
static inline int64_t mesh_us_ns(int64_t us) {
  return mesh_multiply(us, MESH_US_NS);
}
static inline int64_t mesh_ms_ns(int64_t ms) {
  return mesh_multiply(ms, MESH_MS_NS);
}
static inline int64_t mesh_s_ns(int64_t s) {
  return mesh_multiply(s, MESH_S_NS);
}
static inline int64_t mesh_s_ms(int64_t s) {
  return mesh_multiply(s, 1000);
}

// Deadlines: `now_ns` and so long. Durations below zero have passed.
static inline int64_t mesh_time_after_ms(int64_t now_ns, int64_t ms) {
  return mesh_time_add(now_ns, mesh_ms_ns(ms));
}
static inline int64_t mesh_time_after_s(int64_t now_ns, int64_t s) {
  return mesh_time_add(now_ns, mesh_s_ns(s));
}

// Seconds and nanoseconds, as a Timestamp, a Duration or a timespec has them, as one number.
static inline int64_t mesh_time_join(int64_t seconds, int64_t nanos) {
  return mesh_time_add(mesh_s_ns(seconds), nanos);
}

// The whole seconds of a time, rounded down, and the rest: 0 to 999,999,999, before 1970 too.
static inline int64_t mesh_time_seconds(int64_t time_ns) {
  return time_ns / MESH_S_NS - (time_ns % MESH_S_NS < 0);
}
static inline int32_t mesh_time_nanos(int64_t time_ns) {
  int64_t rest = time_ns % MESH_S_NS;
  return (int32_t)(rest < 0 ? rest + MESH_S_NS : rest);
}

// Whether two numbers from outside are a google.protobuf.Timestamp, or a Duration that is not
// negative.
static inline bool mesh_is_timestamp(int64_t seconds, int32_t nanos) {
  return seconds >= MESH_TIMESTAMP_FIRST_S && seconds <= MESH_TIMESTAMP_LAST_S && nanos >= 0 &&
         nanos < MESH_S_NS;
}
static inline bool mesh_is_duration(int64_t seconds, int32_t nanos) {
  return seconds >= 0 && seconds <= MESH_DURATION_MOST_S && nanos >= 0 && nanos < MESH_S_NS;
}

#endif
