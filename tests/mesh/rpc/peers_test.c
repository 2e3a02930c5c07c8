// How many connections peers may have, and when they are forgotten.
#include "mesh/rpc/peers.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
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
    {"descriptors that are just enough", 1024, 256, 110 + 3 * 1024, 1024, 256},
    {"one too few", 1024, 256, 110 + 3 * 1024 - 1, 1023, 256},
    {"few", 1024, 256, 170, 20, 10},
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

static mesh_peer_id id_of(const char *name, bool is_parent) {
  mesh_peer_id who = {.is_parent = is_parent};
  snprintf(who.name, sizeof who.name, "%s", name);
  return who;
}

static mesh_peer *enter(mesh_peers *peers, const char *name) {
  mesh_peer_id who = id_of(name, false);
  return mesh_peers_enter(peers, &who);
}

static int must_have(const mesh_peers *peers, const char *name) {
  mesh_peer_id who = id_of(name, false);
  return mesh_peers_must_have(peers, &who);
}

static void leave(mesh_peers *peers, mesh_peer *peer, int times) {
  while (times-- > 0)
    mesh_peers_leave(peers, peer, false);
}

static void nobody_is_left(const mesh_peers *peers) {
  assert_null(peers->first);
  assert_int_equal(peers->connections, 0);
  assert_int_equal(peers->yielding, 0);
  assert_null(mesh_peers_largest(peers));
}

static mesh_peers peers_of(int64_t connections, int64_t peer_connections) {
  mesh_limits limits = {.connections = connections, .peer_connections = peer_connections};
  mesh_peers peers;
  mesh_peers_init(&peers, &limits, -1);
  return peers;
}

static void a_peer_is_there_while_it_has_connections(void **state) {
  (void)state;
  mesh_peers peers = peers_of(4, 2);
  mesh_peer *first = enter(&peers, "a"), *other = enter(&peers, "b");
  assert_string_equal(first->name, "a");
  assert_ptr_equal(enter(&peers, "a"), first);
  assert_null(enter(&peers, "a"));  // has its two
  assert_ptr_equal(enter(&peers, "b"), other);
  assert_null(enter(&peers, "c"));  // all four are taken
  leave(&peers, first, 2);
  assert_ptr_equal(peers.first, other);
  assert_null(other->next);
  mesh_peer *third = enter(&peers, "c");
  assert_non_null(third);
  leave(&peers, other, 2);
  leave(&peers, third, 1);
  nobody_is_left(&peers);
}

static void the_parent_has_two_places_in_any_case(void **state) {
  (void)state;
  mesh_peers peers = peers_of(2, 1);
  mesh_peer_id up = id_of("up", true);
  mesh_peer *first = enter(&peers, "a"), *second = enter(&peers, "b");
  assert_null(enter(&peers, "c"));
  mesh_peer *parent = mesh_peers_enter(&peers, &up);
  assert_non_null(parent);
  assert_ptr_equal(mesh_peers_enter(&peers, &up), parent);
  assert_null(mesh_peers_enter(&peers, &up));
  assert_null(enter(&peers, "c"));
  leave(&peers, first, 1);
  mesh_peer *third = enter(&peers, "c");  // the parent's places are its own
  assert_non_null(third);
  leave(&peers, parent, 2);
  assert_null(enter(&peers, "d"));
  leave(&peers, second, 1);
  leave(&peers, third, 1);
  nobody_is_left(&peers);
}

static void nobody_yields_in_vain(void **state) {
  (void)state;
  mesh_peers peers = peers_of(4, 4);
  peers.room_of_peer = 4;
  mesh_peer *first = enter(&peers, "a");
  for (int i = 1; i < 4; i++)
    enter(&peers, "a");
  assert_int_equal(must_have(&peers, "b"), 2);
  peers.room = 3;  // two too many: one that yields would not be enough
  assert_int_equal(must_have(&peers, "b"), 0);
  leave(&peers, first, 4);
  nobody_is_left(&peers);
}

static void who_has_two_less_is_given_a_place(void **state) {
  (void)state;
  mesh_peers peers = peers_of(4, 2);
  mesh_peer *first = enter(&peers, "a"), *second = enter(&peers, "b");
  enter(&peers, "a");
  enter(&peers, "b");
  assert_int_equal(must_have(&peers, "c"), 2);
  assert_int_equal(must_have(&peers, "a"), 0);  // has all that a peer may
  mesh_peers_yield(&peers, first);
  assert_int_equal(mesh_peer_staying(first), 1);
  assert_ptr_equal(mesh_peers_largest(&peers), second);
  mesh_peer *third = enter(&peers, "c");  // the other one is still on its way out
  assert_non_null(third);
  assert_int_equal(peers.connections, 5);
  assert_null(enter(&peers, "c"));
  assert_int_equal(must_have(&peers, "c"), 3);  // nobody: they would take turns
  mesh_peers_leave(&peers, first, true);
  assert_int_equal(peers.yielding, 0);
  assert_null(enter(&peers, "c"));
  leave(&peers, first, 1);
  leave(&peers, second, 2);
  leave(&peers, third, 1);
  nobody_is_left(&peers);
}

static void only_so_many_yield_at_a_time(void **state) {
  (void)state;
  mesh_peers peers = peers_of(40, 20);
  mesh_peer *first = enter(&peers, "a"), *second = enter(&peers, "b");
  for (int i = 1; i < 20; i++) {
    enter(&peers, "a");
    enter(&peers, "b");
  }
  mesh_peer *third = NULL, *others[MESH_YIELDING_MAX / 2];
  for (int i = 0; i < MESH_YIELDING_MAX / 2; i++) {
    assert_int_equal(must_have(&peers, "c"), i + 2);
    mesh_peers_yield(&peers, first);
    third = enter(&peers, "c");
    assert_non_null(third);
  }
  assert_int_equal(must_have(&peers, "c"), 0);
  assert_null(enter(&peers, "c"));
  for (int i = 0; i < MESH_YIELDING_MAX / 2; i++) {  // who has nothing yet is let in still
    const char name[] = {(char)('d' + i), '\0'};
    assert_int_equal(must_have(&peers, name), 2);
    mesh_peers_yield(&peers, second);
    others[i] = enter(&peers, name);
    assert_non_null(others[i]);
  }
  assert_int_equal(must_have(&peers, "z"), 0);
  assert_null(enter(&peers, "z"));
  for (int i = 0; i < MESH_YIELDING_MAX / 2; i++) {
    mesh_peers_leave(&peers, first, true);
    mesh_peers_leave(&peers, second, true);
    leave(&peers, others[i], 1);
  }
  leave(&peers, first, 20 - MESH_YIELDING_MAX / 2);
  leave(&peers, second, 20 - MESH_YIELDING_MAX / 2);
  leave(&peers, third, MESH_YIELDING_MAX / 2);
  nobody_is_left(&peers);
}

static void peers_have_names(void **state) {
  (void)state;
  char unix_name[MESH_PEER_NAME_MAX];
  mesh_peer_id who;
  struct sockaddr_storage from = {0};
  struct sockaddr_in *four = (struct sockaddr_in *)&from;
  *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  mesh_peer_identify(-1, &from, &who);
  assert_string_equal(who.name, "ipv4:127.0.0.1");

  four->sin_addr.s_addr = htonl(0x7f123456);
  mesh_peer_identify(-1, &from, &who);
  assert_string_equal(who.name, "ipv4:127.0.0.1");
  four->sin_addr.s_addr = htonl(0x80000001);
  mesh_peer_identify(-1, &from, &who);
  assert_string_equal(who.name, "ipv4:128.0.0.1");

  struct sockaddr_in6 *six = (struct sockaddr_in6 *)&from;
  *six = (struct sockaddr_in6){.sin6_family = AF_INET6};
  memset(&six->sin6_addr, 0xab, sizeof six->sin6_addr);  // the longest that there are
  mesh_peer_identify(-1, &from, &who);
  assert_string_equal(who.name, "ipv6:abab:abab:abab:abab:abab:abab:abab:abab");

  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  from = (struct sockaddr_storage){.ss_family = AF_UNIX};
  mesh_peer_identify(pair[0], &from, &who);
  snprintf(unix_name, sizeof unix_name, "unix:pid %d, uid %u", (int)getpid(), (unsigned)getuid());
  assert_string_equal(who.name, unix_name);
  assert_false(who.is_parent);
  if (fork() == 0) {  // its parent is who made the pair
    mesh_peer_identify(pair[0], &from, &who);
    _exit(who.is_parent ? 0 : 1);
  }
  int ended;
  wait(&ended);
  assert_int_equal(ended, 0);
  close(pair[0]);
  close(pair[1]);
}

// Two children of one process know each other; their parent's own connections are none of them.
static void siblings(void **state) {
  (void)state;
  mesh_peer_id who;
  struct sockaddr_storage from = {.ss_family = AF_UNIX};
  int ready[2], ended;
  char byte;
  assert_int_equal(pipe(ready), 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "siblings-%d", (int)getpid());
  int door = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(door, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(door, 2), 0);
  pid_t caller = fork();
  if (caller == 0) {
    int own = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(own, (struct sockaddr *)&address, sizeof address) != 0) _exit(1);
    close(ready[1]);
    (void)!read(ready[0], &byte, 1);  // until the other one has looked
    _exit(0);
  }
  pid_t callee = fork();
  if (callee == 0) {
    mesh_peer_identify(accept(door, NULL, NULL), &from, &who);
    _exit(who.is_sibling && !who.is_parent ? 0 : 1);
  }
  assert_int_equal(waitpid(callee, &ended, 0), callee);
  assert_int_equal(ended, 0);
  close(ready[1]);
  assert_int_equal(waitpid(caller, &ended, 0), caller);
  assert_int_equal(ended, 0);
  close(ready[0]);
  close(door);
}

static int check_rooms(void) {
  RUN_ROWS("how many connections there may be", rooms, check_room);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_peer_is_there_while_it_has_connections),
      cmocka_unit_test(the_parent_has_two_places_in_any_case),
      cmocka_unit_test(nobody_yields_in_vain),
      cmocka_unit_test(who_has_two_less_is_given_a_place),
      cmocka_unit_test(only_so_many_yield_at_a_time),
      cmocka_unit_test(peers_have_names),
      cmocka_unit_test(siblings),
  };
  return check_rooms() + cmocka_run_group_tests(tests, NULL, NULL);
}
