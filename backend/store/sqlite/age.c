// How long ago something was, by what the store itself has seen of time, not by the wall clock. An
// hour between two moments of one boot is an hour; what passed while the machine was off is taken
// from the wall clock, but no more of it than half a day for each start. A clock that is a year
// ahead for one start so makes nothing a year old.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/store/sqlite/internal.h"

enum { BELIEVED_S = 12 * 3600 };

static int64_t seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec;
}

void store_read_moment(store_moment *out) {
  *out = (store_moment){.wall_s = seconds_of(CLOCK_REALTIME), .boot_s = seconds_of(CLOCK_BOOTTIME)};
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  if (file == NULL) return;  // then each start is a boot of its own
  if (fgets(out->boot, sizeof out->boot, file) != NULL) out->boot[strcspn(out->boot, "\n")] = '\0';
  fclose(file);
}

int64_t store_age_between(const store_moment *from, const store_moment *to) {
  bool same_boot = from->boot[0] != '\0' && strcmp(from->boot, to->boot) == 0;
  if (same_boot && to->boot_s >= from->boot_s) return to->boot_s - from->boot_s;
  if (to->wall_s <= from->wall_s) return 0;
  int64_t by_wall_s;
  bool fits = !__builtin_sub_overflow(to->wall_s, from->wall_s, &by_wall_s);
  return fits && by_wall_s < BELIEVED_S ? by_wall_s : BELIEVED_S;
}

int64_t store_age_now(store *store) {
  store_moment now;
  store->read_moment(&now);
  return store->age_s + store_age_between(&store->seen, &now);
}
