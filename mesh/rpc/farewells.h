// mesh_farewells: connections whose peers have been told at the door why they end. Each is kept
// until its peer closes it, or as many others have come: a socket that is closed at once gives the
// peer "Broken pipe" for what it writes, and it reads no more. One thread's.
#ifndef MILLRACE_MESH_RPC_FAREWELLS_H
#define MILLRACE_MESH_RPC_FAREWELLS_H

#include <stdint.h>

#include "mesh/rpc/peers.h"

typedef struct mesh_farewells {  // private
  int epoll;
  uint64_t about;
  int fds[MESH_FAREWELLS_MAX];  // -1: none
  int next;                     // the oldest
} mesh_farewells;

// `epoll` is told of them, with data.u64 from `about` on: MESH_FAREWELLS_MAX numbers.
void mesh_farewells_init(mesh_farewells *own, int epoll, uint64_t about);

// Tells the peer of `fd`, which is owned from now on, why.
void mesh_farewells_say(mesh_farewells *own, int fd, const char *why);

// Keeps the peer's socket of a connection that has ended, `fd`, likewise; it has been told.
void mesh_farewells_keep(mesh_farewells *own, int fd);

// epoll said something of number `about`, be it of a socket that was there before.
void mesh_farewells_note(mesh_farewells *own, uint64_t about);

// Closes all.
void mesh_farewells_fini(mesh_farewells *own);

// Tells the peer of `fd` why and closes it at once: where no descriptor is left to keep it.
void mesh_farewell(int fd, const char *why);

#endif
