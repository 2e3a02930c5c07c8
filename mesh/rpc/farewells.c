#include "mesh/rpc/farewells.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell(int fd, const char *why) {
  uint8_t words[MESH_HTTP2_GOODBYE_MAX];
  size_t size = mesh_http2_turn_away(why, words);
  if (send(fd, words, size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) shutdown(fd, SHUT_WR);
}

void mesh_farewells_init(mesh_farewells *own, int epoll, uint64_t about) {
  *own = (mesh_farewells){.epoll = epoll, .about = about};
  for (int i = 0; i < MESH_FAREWELLS_MAX; i++)
    own->fds[i] = -1;
}

static void end(int *fd) {
  if (*fd >= 0) close(*fd);  // epoll forgets it, too
  *fd = -1;
}

// What the peer sends meanwhile stays in the socket, which is as much as there is room for.
void mesh_farewells_keep(mesh_farewells *own, int fd) {
  int *place = &own->fds[own->next];
  struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET,
                              .data.u64 = own->about + (uint64_t)own->next};
  end(place);
  *place = fd;
  if (epoll_ctl(own->epoll, EPOLL_CTL_ADD, fd, &event) != 0) end(place);
  own->next = (own->next + 1) % MESH_FAREWELLS_MAX;
}

void mesh_farewells_say(mesh_farewells *own, int fd, const char *why) {
  tell(fd, why);
  mesh_farewells_keep(own, fd);
}

void mesh_farewells_note(mesh_farewells *own, uint64_t about) {
  int *place = &own->fds[about - own->about];
  struct pollfd closed = {.fd = *place, .events = POLLRDHUP};
  if (*place >= 0 && poll(&closed, 1, 0) > 0) end(place);
}

void mesh_farewells_fini(mesh_farewells *own) {
  for (int i = 0; i < MESH_FAREWELLS_MAX; i++)
    end(&own->fds[i]);
}

void mesh_farewell(int fd, const char *why) {
  tell(fd, why);
  close(fd);
}
