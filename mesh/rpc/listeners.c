#include "mesh/rpc/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

bool mesh_listeners_add(mesh_listeners *all, int fd, const char *path) {
  if (all->count == MESH_LISTENERS_MAX) return false;
  mesh_listener *next = &all->each[all->count++];
  *next = (mesh_listener){.fd = fd};
  struct stat made;
  if (path == NULL || lstat(path, &made) != 0) return true;
  next->path = strdup(path);
  if (next->path == NULL) abort();
  next->device = made.st_dev;
  next->inode = made.st_ino;
  return true;
}

void mesh_listeners_watch(mesh_listeners *all, int epoll, bool on) {
  for (int i = 0; i < all->count; i++) {
    struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.u64 = (uint64_t)i};
    int fd = all->each[i].fd;
    int how = all->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (fd >= 0 && epoll_ctl(epoll, how, fd, &event) != 0) abort();
  }
  all->watched = true;
}

int mesh_listeners_accept(const mesh_listeners *all, int index, struct sockaddr_storage *from) {
  socklen_t size = sizeof *from;
  int fd = all->each[index].fd;
  *from = (struct sockaddr_storage){.ss_family = AF_UNIX};
  errno = EAGAIN;
  if (fd < 0) return -1;
  return accept4(fd, (struct sockaddr *)from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// The file is removed only while it is still ours: another process may have taken the place.
static void close_one(mesh_listener *own) {
  if (own->fd < 0) return;
  struct stat there;
  if (own->path != NULL && lstat(own->path, &there) == 0 && there.st_dev == own->device &&
      there.st_ino == own->inode) {
    unlink(own->path);
  }
  close(own->fd);  // epoll forgets it, too
  own->fd = -1;
  free(own->path);
  own->path = NULL;
}

void mesh_listeners_close(mesh_listeners *all) {
  for (int i = 0; i < all->count; i++)
    close_one(&all->each[i]);
}
