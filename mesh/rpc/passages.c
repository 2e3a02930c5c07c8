#include "mesh/rpc/passages.h"

#include "mesh/runtime/loop.h"
#include "mesh/runtime/time.h"

enum { LINGER_TICK_MS = 100 };

static void unlink_passage(mesh_passages *all, mesh_passage *own) {
  if (own->next != NULL) own->next->previous = own->previous;
  if (own->previous != NULL) {
    own->previous->next = own->next;
  } else {
    all->first = own->next;
  }
}

static void expel(mesh_passages *all, const mesh_http2_account *account) {
  for (mesh_passage *one = all->first; one != NULL; one = one->next) {
    if (one->account == account) mesh_passage_shut(one);
  }
}

static void end_passage(mesh_passages *all, mesh_passage *own) {
  mesh_passage_end_both(own);
  unlink_passage(all, own);
  if (own->lingers) all->lingering--;
  if (own->verdict == MESH_HTTP2_EXPEL) expel(all, own->account);
  own->next_in_line = all->ended;
  all->ended = own;
}

static void take_turn(mesh_passages *all, mesh_passage *own) {
  mesh_passage_state state = mesh_passage_carry(own, all->piece, mesh_now_ns());
  if (state == MESH_PASSAGE_OVER) {
    end_passage(all, own);
    return;
  }
  if ((own->closed_ns != 0 || own->hurry_ns != 0) && !own->lingers) {
    own->lingers = true;
    all->lingering++;
  }
  if (state == MESH_PASSAGE_WAITS) return;
  own->busy = true;
  own->next_in_line = all->busy;
  all->busy = own;
}

void mesh_passages_add(mesh_passages *all, mesh_passage *own) {
  own->called_ns = mesh_now_ns();
  own->previous = NULL;
  own->next = all->first;
  if (own->next != NULL) own->next->previous = own;
  all->first = own;
  mesh_passage_watch(own, all->epoll);
}

void mesh_passages_note(mesh_passages *all, mesh_passage_end *end, uint32_t events) {
  mesh_passage *own = end->passage;
  if (own->state == MESH_PASSAGE_OVER) return;  // by what was said of its other end
  mesh_passage_note(end, events);
  if (!own->busy) take_turn(all, own);
}

void mesh_passages_dismiss(mesh_passages *all, mesh_passage *own, const char *why) {
  mesh_passage_dismiss(own, why);
  if (!own->busy) take_turn(all, own);
}

// Their time may have come.
static void look_at_lingering(mesh_passages *all) {
  int64_t now_ns = mesh_now_ns();
  if (all->lingering == 0 || now_ns < mesh_time_after_ms(all->looked_ns, LINGER_TICK_MS)) return;
  all->looked_ns = now_ns;
  for (mesh_passage *own = all->first, *next; own != NULL; own = next) {
    next = own->next;
    if (own->lingers && !own->busy) take_turn(all, own);
  }
}

void mesh_passages_go_on(mesh_passages *all) {
  mesh_passage *line = all->busy;
  all->busy = NULL;
  while (line != NULL) {
    mesh_passage *own = line;
    line = own->next_in_line;
    own->busy = false;
    take_turn(all, own);
  }
  look_at_lingering(all);
}

int mesh_passages_wait_ms(const mesh_passages *all) {
  if (all->busy != NULL) return 0;
  return all->lingering > 0 ? LINGER_TICK_MS : -1;
}

mesh_passage *mesh_passages_take_ended(mesh_passages *all) {
  mesh_passage *own = all->ended;
  if (own != NULL) all->ended = own->next_in_line;
  return own;
}
