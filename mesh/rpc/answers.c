#include "mesh/rpc/answers.h"

#include <stddef.h>

#include "mesh/runtime/loop.h"

enum {
  HEAVY_PART = 4,  // a quarter of the room is much for one
  STUCK = 4,       // messages that are lost in a row
};

static void enlist(mesh_answers *own) {
  mesh_answers_room *room = own->room;
  own->previous = NULL;
  own->next = room->first;
  if (own->next != NULL) own->next->previous = own;
  room->first = own;
}

static void strike_off(mesh_answers *own) {
  if (own->next != NULL) own->next->previous = own->previous;
  if (own->previous != NULL) {
    own->previous->next = own->next;
  } else {
    own->room->first = own->next;
  }
}

static mesh_answers *find_heaviest(const mesh_answers_room *room) {
  mesh_answers *heaviest = room->first;
  for (mesh_answers *one = heaviest; one != NULL; one = one->next) {
    if (one->bytes > heaviest->bytes) heaviest = one;
  }
  return heaviest;
}

static mesh_answers *find_slowest(const mesh_answers_room *room) {
  mesh_answers *slowest = room->first;
  for (mesh_answers *one = slowest; one != NULL; one = one->next) {
    if (one->oldest->number < slowest->oldest->number) slowest = one;
  }
  return slowest;
}

static void say(const mesh_answers *of) {
  mesh_log(MESH_LOG_WARN, "server",
           "%s loses a call: it has not taken %lld KiB of answers, of %lld KiB that wait for all "
           "peers (%lld calls lost so far)",
           of->name, (long long)(of->bytes >> 10), (long long)(of->room->bytes >> 10),
           (long long)of->room->ended.count);
}

static void make_room(mesh_answers_room *room, mesh_answer *begun) {
  mesh_answers *of = find_heaviest(room);
  if (of->bytes <= room->most / HEAVY_PART) of = find_slowest(room);
  mesh_answer *oldest = of->oldest;
  if (begun->bytes > room->most) oldest = begun;  // for which there is no room at all
  of = oldest->of;
  if (mesh_log_is_due(&room->ended, mesh_now_ns())) say(of);
  mesh_scope_cancel(oldest->call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                    "the caller has not taken its answer of %lld KiB, and others need the room: "
                    "%lld KiB may wait for all (limits.answers_mib)",
                    (long long)(oldest->bytes >> 10), (long long)(room->most >> 10));
  mesh_answers_line *line = oldest->line;
  mesh_answer_end(oldest, false);
  if (++line->lost == STUCK) line->on_stuck(line);
}

void mesh_answer_begin(mesh_answer *own, mesh_answers_line *line, mesh_scope *call, int64_t bytes) {
  mesh_answers *of = line->of;
  if (of->newest == NULL) enlist(of);
  *own = (mesh_answer){.of = of,
                       .line = line,
                       .call = call,
                       .bytes = bytes,
                       .number = of->room->begun++,
                       .older = of->newest};
  if (own->older != NULL) {
    own->older->newer = own;
  } else {
    of->oldest = own;
  }
  of->newest = own;
  of->bytes += bytes;
  of->room->bytes += bytes;
  while (of->room->bytes > of->room->most)
    make_room(of->room, own);
}

void mesh_answer_end(mesh_answer *own, bool taken) {
  mesh_answers *of = own->of;
  if (of == NULL) return;
  if (taken) own->line->lost = 0;
  of->bytes -= own->bytes;
  of->room->bytes -= own->bytes;
  if (own->older != NULL) {
    own->older->newer = own->newer;
  } else {
    of->oldest = own->newer;
  }
  if (own->newer != NULL) {
    own->newer->older = own->older;
  } else {
    of->newest = own->older;
  }
  own->of = NULL;
  if (of->newest == NULL) strike_off(of);
}
