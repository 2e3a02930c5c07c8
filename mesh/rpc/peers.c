#include "mesh/rpc/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

enum {
  DESCRIPTORS_KEPT = 64,  // for files, links and the store
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

void mesh_peer_name(int fd, const struct sockaddr_storage *from, char name[MESH_PEER_NAME_MAX]) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (from->ss_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in *)from)->sin_addr, text, sizeof text);
    mesh_text_format(name, MESH_PEER_NAME_MAX, "ipv4:%s", text);
  } else if (from->ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)from)->sin6_addr, text, sizeof text);
    mesh_text_format(name, MESH_PEER_NAME_MAX, "ipv6:%s", text);
  } else {
    struct ucred who = {0};
    socklen_t size = sizeof who;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
    mesh_text_format(name, MESH_PEER_NAME_MAX, "unix:pid %d, uid %u", (int)who.pid,
                     (unsigned)who.uid);
  }
}

mesh_peer *mesh_peers_enter(mesh_peers *own, const char *name) {
  mesh_peer *peer = own->first;
  while (peer != NULL && strcmp(peer->name, name) != 0)
    peer = peer->next;
  if (own->connections >= own->room) return NULL;
  if (peer != NULL && peer->connections >= own->room_of_peer) return NULL;
  if (peer == NULL) {
    peer = calloc(1, sizeof *peer);
    if (peer == NULL) abort();
    mesh_text_copy(peer->name, sizeof peer->name, name);
    peer->next = own->first;
    own->first = peer;
  }
  peer->connections++;
  own->connections++;
  return peer;
}

void mesh_peers_leave(mesh_peers *own, mesh_peer *peer) {
  own->connections--;
  if (--peer->connections > 0) return;
  mesh_peer **place = &own->first;
  while (*place != peer)
    place = &(*place)->next;
  *place = peer->next;
  free(peer);
}
