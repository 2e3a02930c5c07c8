// mesh_listeners: the sockets that a server listens on. Its caller, the doorman, locks.
#ifndef MILLRACE_MESH_RPC_LISTENERS_H
#define MILLRACE_MESH_RPC_LISTENERS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { MESH_LISTENERS_MAX = 16 };

typedef struct mesh_listener {
  int fd;      // owned; -1 once it is closed
  char *path;  // of a unix socket, with what is there; NULL on TCP
  dev_t device;
  ino_t inode;
} mesh_listener;

typedef struct mesh_listeners {  // zeroed: there are none
  mesh_listener each[MESH_LISTENERS_MAX];
  int count;
  bool watched;
} mesh_listeners;

// Adds `fd`, which is bound and non-blocking, and owns it; `path` (may be NULL) is the socket's
// file. False: there are as many as there may be, and `fd` is the caller's.
bool mesh_listeners_add(mesh_listeners *all, int fd, const char *path);

// Whether `epoll` tells when somebody comes; a listener's index is data.u64 then.
void mesh_listeners_watch(mesh_listeners *all, int epoll, bool on);

// Accepts on one; -1 with errno (EAGAIN where it is closed). `from` has AF_UNIX or an address.
int mesh_listeners_accept(const mesh_listeners *all, int index, struct sockaddr_storage *from);

// Closes all, and removes the files of unix sockets that are still theirs.
void mesh_listeners_close(mesh_listeners *all);

#endif
