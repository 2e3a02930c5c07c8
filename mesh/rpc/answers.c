#include "mesh/rpc/answers.h"

#include <stddef.h>

#include "mesh/runtime/loop.h"

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

static void say(const mesh_answers *of) {
  mesh_log(
      MESH_LOG_WARN, "server",
      "%s loses calls: it has not taken %lld KiB of answers, the most of all peers (%lld calls "
      "ended so far)",
      of->name, (long long)(of->bytes >> 10), (long long)of->room->ended.count);
}

// Ends a call of whoever holds most.
static void make_room(mesh_answers_room *room) {
  mesh_answers *of = find_heaviest(room);
  mesh_answer *newest = of->newest;
  if (mesh_log_is_due(&room->ended, mesh_now_ns())) say(of);
  mesh_scope_cancel(newest->call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                    "%lld KiB of answers wait to be taken by this caller, of %lld KiB that may for "
                    "all",
                    (long long)(of->bytes >> 10), (long long)(room->most >> 10));
  mesh_answer_end(newest);
}

void mesh_answer_begin(mesh_answer *own, mesh_answers *of, mesh_scope *call, int64_t bytes) {
  if (of->newest == NULL) enlist(of);
  *own = (mesh_answer){.of = of, .call = call, .bytes = bytes, .older = of->newest};
  if (own->older != NULL) own->older->newer = own;
  of->newest = own;
  of->bytes += bytes;
  of->room->bytes += bytes;
  while (of->room->bytes > of->room->most)
    make_room(of->room);
}

void mesh_answer_end(mesh_answer *own) {
  mesh_answers *of = own->of;
  if (of == NULL) return;
  of->bytes -= own->bytes;
  of->room->bytes -= own->bytes;
  if (own->older != NULL) own->older->newer = own->newer;
  if (own->newer != NULL) {
    own->newer->older = own->older;
  } else {
    of->newest = own->older;
  }
  own->of = NULL;
  if (of->newest == NULL) strike_off(of);
}
