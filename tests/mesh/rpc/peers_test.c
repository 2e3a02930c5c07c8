// How many connections peers may have, and when they are forgotten.
#include "mesh/rpc/peers.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit.h"

typedef struct room_row {
  const char *name;
  int64_t connections, peer_connections, descriptors;
  int64_t room, room_of_peer;
} room_row;

static const room_row rooms[] = {
    {"as many as the limits say", 1024, 256, -1, 1024, 256},
    {"one peer leaves half to the others", 100, 256, -1, 100, 50},
    {"half of an odd room", 5, 256, -1, 5, 3},
    {"of one", 1, 256, -1, 1, 1},
    {"descriptors that are just enough", 1024, 256, 64 + 3 * 1024, 1024, 256},
    {"one too few", 1024, 256, 64 + 3 * 1024 - 1, 1023, 256},
    {"few", 1024, 256, 128, 21, 11},
    {"hardly any", 1024, 256, 10, 4, 2},
    {"none", 1024, 256, 0, 4, 2},
};

static void check_room(void **state) {
  const room_row *row = *state;
  mesh_limits limits = {.connections = row->connections, .peer_connections = row->peer_connections};
  mesh_peers peers;
  mesh_peers_init(&peers, &limits, row->descriptors);
  assert_int_equal(peers.room, row->room);
  assert_int_equal(peers.room_of_peer, row->room_of_peer);
}

static void a_peer_is_there_while_it_has_connections(void **state) {
  (void)state;
  mesh_limits limits = {.connections = 4, .peer_connections = 2};
  mesh_peers peers;
  mesh_peers_init(&peers, &limits, -1);
  mesh_peer *first = mesh_peers_enter(&peers, "a");
  mesh_peer *other = mesh_peers_enter(&peers, "b");
  assert_string_equal(first->name, "a");
  assert_ptr_equal(mesh_peers_enter(&peers, "a"), first);
  assert_null(mesh_peers_enter(&peers, "a"));  // has its two
  assert_ptr_equal(mesh_peers_enter(&peers, "b"), other);
  assert_null(mesh_peers_enter(&peers, "c"));  // all four are taken
  mesh_peers_leave(&peers, first);
  mesh_peers_leave(&peers, first);
  assert_ptr_equal(peers.first, other);
  assert_null(other->next);
  mesh_peer *third = mesh_peers_enter(&peers, "c");
  assert_non_null(third);
  mesh_peers_leave(&peers, other);
  mesh_peers_leave(&peers, other);
  mesh_peers_leave(&peers, third);
  assert_null(peers.first);
  assert_int_equal(peers.connections, 0);
}

static void peers_have_names(void **state) {
  (void)state;
  char name[MESH_PEER_NAME_MAX], unix_name[MESH_PEER_NAME_MAX];
  struct sockaddr_storage from = {0};
  struct sockaddr_in *four = (struct sockaddr_in *)&from;
  *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  mesh_peer_name(-1, &from, name);
  assert_string_equal(name, "ipv4:127.0.0.1");

  struct sockaddr_in6 *six = (struct sockaddr_in6 *)&from;
  *six = (struct sockaddr_in6){.sin6_family = AF_INET6};
  memset(&six->sin6_addr, 0xab, sizeof six->sin6_addr);  // the longest that there are
  mesh_peer_name(-1, &from, name);
  assert_string_equal(name, "ipv6:abab:abab:abab:abab:abab:abab:abab:abab");

  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  from = (struct sockaddr_storage){.ss_family = AF_UNIX};
  mesh_peer_name(pair[0], &from, name);
  snprintf(unix_name, sizeof unix_name, "unix:pid %d, uid %u", (int)getpid(), (unsigned)getuid());
  assert_string_equal(name, unix_name);
  close(pair[0]);
  close(pair[1]);
}

static int check_rooms(void) {
  RUN_ROWS("how many connections there may be", rooms, check_room);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_peer_is_there_while_it_has_connections),
      cmocka_unit_test(peers_have_names),
  };
  return check_rooms() + cmocka_run_group_tests(tests, NULL, NULL);
}
