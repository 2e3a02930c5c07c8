// For tests: a library to be preloaded that makes the n-th call of a function fail, once. The file
// that FAULTY names is a table that the test maps, too: so it counts what a program does, and arms
// one call, while the program runs. Sockets and the pages of files alone: eventfds do not fail.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Their order is the test's, too.
typedef enum kind { RECV, SEND, RECVMSG, SENDMSG, PREAD, PWRITE, FDATASYNC, KINDS } kind;

typedef struct row {
  _Atomic int64_t calls;   // so far
  _Atomic int64_t before;  // calls that are let through before one fails; negative: none fails
  _Atomic int64_t error;   // its errno
  _Atomic int64_t failed;  // how many have
} row;

static row *table;

__attribute__((constructor)) static void open_table(void) {
  const char *path = getenv("FAULTY");
  int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *at = mmap(NULL, KINDS * sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) table = at;
  close(fd);
}

static bool fails(kind what) {
  if (table == NULL) return false;
  row *own = &table[what];
  atomic_fetch_add(&own->calls, 1);
  if (atomic_load(&own->before) < 0 || atomic_fetch_sub(&own->before, 1) != 0) return false;
  atomic_fetch_add(&own->failed, 1);
  errno = (int)atomic_load(&own->error);
  return true;
}

ssize_t recv(int fd, void *to, size_t size, int flags) {
  return fails(RECV) ? -1 : syscall(SYS_recvfrom, fd, to, size, flags, NULL, NULL);
}

ssize_t send(int fd, const void *from, size_t size, int flags) {
  return fails(SEND) ? -1 : syscall(SYS_sendto, fd, from, size, flags, NULL, 0);
}

ssize_t recvmsg(int fd, struct msghdr *to, int flags) {
  return fails(RECVMSG) ? -1 : syscall(SYS_recvmsg, fd, to, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *from, int flags) {
  return fails(SENDMSG) ? -1 : syscall(SYS_sendmsg, fd, from, flags);
}

ssize_t pread64(int fd, void *to, size_t size, off64_t at) {
  return fails(PREAD) ? -1 : syscall(SYS_pread64, fd, to, size, at);
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  return fails(PWRITE) ? -1 : syscall(SYS_pwrite64, fd, from, size, at);
}

int fdatasync(int fd) {
  return fails(FDATASYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}
