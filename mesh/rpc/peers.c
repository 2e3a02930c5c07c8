#include "mesh/rpc/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

enum {
  // For files, links and the store, and for connections beyond the room: 110.
  DESCRIPTORS_KEPT = 64 + 2 * MESH_FAREWELLS_MAX +
                     (MESH_PARENT_PLACES + MESH_YIELDING_MAX) * MESH_CONNECTION_DESCRIPTORS,
  ROOM_LEAST = 4,
};

void mesh_peers_init(mesh_peers *own, const mesh_limits *limits, int64_t descriptors) {
  *own = (mesh_peers){.room = limits->connections};
  int64_t can = (descriptors - DESCRIPTORS_KEPT) / MESH_CONNECTION_DESCRIPTORS;
  if (can < ROOM_LEAST) can = ROOM_LEAST;
  if (descriptors >= 0 && can < own->room) {
    mesh_log(MESH_LOG_WARN, "doorman",
             "%lld descriptors (ulimit -n) are enough for %lld connections, not %lld",
             (long long)descriptors, (long long)can, (long long)own->room);
    own->room = can;
  }
  int64_t half = (own->room + 1) / 2;
  own->room_of_peer = half < limits->peer_connections ? half : limits->peer_connections;
}

// Who has started it; 0: unknown.
static pid_t parent_of(pid_t pid) {
  char path[32], text[512];
  mesh_text_format(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = '\0';
  int parent = 0;
  const char *behind = strrchr(text, ')');  // its name may be anything: "4711 (name) S 1 ..."
  if (behind == NULL || sscanf(behind, ") %*c %d", &parent) != 1) return 0;
  return parent;
}

static void identify_process(int fd, mesh_peer_id *out) {
  struct ucred who = {0};
  socklen_t size = sizeof who;
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
  mesh_text_format(out->name, sizeof out->name, "unix:pid %d, uid %u", (int)who.pid,
                   (unsigned)who.uid);
  if (who.pid == 0) return;  // of another namespace
  out->is_parent = who.pid == getppid();
  out->is_sibling = who.pid != getpid() && parent_of(who.pid) == getppid();
}

void mesh_peer_identify(int fd, const struct sockaddr_storage *from, mesh_peer_id *out) {
  char text[INET6_ADDRSTRLEN] = "?";
  *out = (mesh_peer_id){.is_parent = false};
  if (from->ss_family == AF_INET) {
    struct in_addr address = ((const struct sockaddr_in *)from)->sin_addr;
    // Whoever is on this machine may come from any of its sixteen million.
    if (ntohl(address.s_addr) >> 24 == 127) address.s_addr = htonl(INADDR_LOOPBACK);
    inet_ntop(AF_INET, &address, text, sizeof text);
    mesh_text_format(out->name, sizeof out->name, "ipv4:%s", text);
  } else if (from->ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)from)->sin6_addr, text, sizeof text);
    mesh_text_format(out->name, sizeof out->name, "ipv6:%s", text);
  } else {
    identify_process(fd, out);
  }
}

static mesh_peer *find(const mesh_peers *own, const mesh_peer_id *who) {
  mesh_peer *peer = own->first;
  while (peer != NULL && strcmp(peer->name, who->name) != 0)
    peer = peer->next;
  return peer;
}

int mesh_peer_staying(const mesh_peer *peer) {
  return peer == NULL ? 0 : peer->connections - peer->yielding;
}

const mesh_peer *mesh_peers_largest(const mesh_peers *own) {
  const mesh_peer *most = own->first;
  for (const mesh_peer *one = most; one != NULL; one = one->next) {
    if (mesh_peer_staying(one) > mesh_peer_staying(most)) most = one;
  }
  return most;
}

// Half of those that may yield at a time are for who has nothing yet: a crowd cannot keep him out.
static int yielding_for(int staying) {
  return staying == 0 ? MESH_YIELDING_MAX : MESH_YIELDING_MAX / 2;
}

// Those that count for the room: the parent's two places are its own.
static int64_t count_in_room(const mesh_peers *own) {
  int parents = own->parent == NULL ? 0 : own->parent->connections;
  return own->connections - (parents < MESH_PARENT_PLACES ? parents : MESH_PARENT_PLACES);
}

// If `more` of those that are there yielded.
static bool has_room(const mesh_peers *own, const mesh_peer_id *who, const mesh_peer *peer,
                     int more) {
  int staying = mesh_peer_staying(peer);
  int64_t all = count_in_room(own);
  if (who->is_parent && staying < MESH_PARENT_PLACES) return true;
  return staying < own->room_of_peer && all - own->yielding - more < own->room &&
         all < own->room + yielding_for(staying);
}

mesh_peer *mesh_peers_enter(mesh_peers *own, const mesh_peer_id *who) {
  mesh_peer *peer = find(own, who);
  if (!has_room(own, who, peer, 0)) return NULL;
  if (peer == NULL) {
    peer = calloc(1, sizeof *peer);
    if (peer == NULL) abort();
    mesh_text_copy(peer->name, sizeof peer->name, who->name);
    peer->is_parent = who->is_parent;
    peer->account.speaks_for_many = who->is_sibling;
    peer->next = own->first;
    own->first = peer;
    if (who->is_parent) own->parent = peer;
  }
  peer->connections++;
  own->connections++;
  return peer;
}

int mesh_peers_must_have(const mesh_peers *own, const mesh_peer_id *who) {
  const mesh_peer *peer = find(own, who);
  int staying = mesh_peer_staying(peer);
  if (own->yielding >= yielding_for(staying) || !has_room(own, who, peer, 1)) return 0;
  return staying + 2;
}

void mesh_peers_yield(mesh_peers *own, mesh_peer *peer) {
  peer->yielding++;
  own->yielding++;
}

void mesh_peers_leave(mesh_peers *own, mesh_peer *peer, bool yielded) {
  own->connections--;
  own->yielding -= yielded;
  peer->yielding -= yielded;
  if (--peer->connections > 0) return;
  mesh_peer **place = &own->first;
  while (*place != peer)
    place = &(*place)->next;
  *place = peer->next;
  if (own->parent == peer) own->parent = NULL;
  free(peer);
}
