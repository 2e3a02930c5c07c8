#include "mesh/program/private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/runtime/text.h"

enum { LINKS_MAX = 40, OTHERS = 077, OTHERS_WRITE = 022, MODE_BITS = 07777 };

// ---- what is refused ----

static mesh_code fail_errno(const char *path, int why, mesh_error *err) {
  mesh_code code = GRPC_STATUS_FAILED_PRECONDITION;
  if (why == ENOENT) code = GRPC_STATUS_NOT_FOUND;
  if (why == EACCES || why == EPERM || why == EROFS) code = GRPC_STATUS_PERMISSION_DENIED;
  if (why == ENOSPC || why == EDQUOT || why == EMFILE || why == ENFILE) {
    code = GRPC_STATUS_RESOURCE_EXHAUSTED;
  }
  return mesh_fail(err, code, "%.*s: %s", MESH_TEXT_SHOWN(path, 300), strerror(why));
}

// "nobody (uid 65534)", or the number alone.
static void name_user(uid_t uid, char *out, size_t capacity) {
  char buffer[1024];
  struct passwd entry, *found = NULL;
  bool known = getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL;
  if (known) {
    mesh_text_format(out, capacity, "%.*s (uid %u)", MESH_TEXT_SHOWN(found->pw_name, 40),
                     (unsigned)uid);
  } else {
    snprintf(out, capacity, "uid %u", (unsigned)uid);
  }
}

static mesh_code refuse_owner(const char *path, const char *what, uid_t uid, mesh_error *err) {
  char owner[80], we[80];
  name_user(uid, owner, sizeof owner);
  name_user(geteuid(), we, sizeof we);
  return mesh_fail(err, GRPC_STATUS_PERMISSION_DENIED, "%.*s %s %s, and this program runs as %s",
                   MESH_TEXT_SHOWN(path, 200), what, owner, we);
}

// ---- the walk ----

// Where a path has led so far: the directory `at`, and what is still to be walked below it.
typedef struct walk {
  const char *path;  // as it was given; for messages
  int at;            // owned
  char rest[MESH_PRIVATE_PATH_MAX];
  char name[NAME_MAX + 1];  // the last component, once `rest` is empty
  int links;
  bool make;  // directories on the way are made
} walk;

static void move_to(walk *own, int directory) {
  if (own->at >= 0) close(own->at);
  own->at = directory;
}

// Takes the first component of `rest` into `name`; `rest` is what is behind it.
static mesh_code take_name(walk *own, mesh_error *err) {
  size_t begin = strspn(own->rest, "/"), size = strcspn(own->rest + begin, "/");
  if (size > NAME_MAX) return fail_errno(own->path, ENAMETOOLONG, err);
  memcpy(own->name, own->rest + begin, size);
  own->name[size] = '\0';
  size_t end = begin + size + strspn(own->rest + begin + size, "/");
  memmove(own->rest, own->rest + end, strlen(own->rest + end) + 1);
  if (size == 0) memcpy(own->name, ".", 2);
  return GRPC_STATUS_OK;
}

// Goes on where the link `fd` leads, if it is ours or root's. It is read through the descriptor
// that was checked: nobody can put another in its place between the two.
static mesh_code follow_link(walk *own, int fd, const struct stat *about, mesh_error *err) {
  if (about->st_uid != geteuid() && about->st_uid != 0) {
    char link[NAME_MAX + 32];
    mesh_text_format(link, sizeof link, "leads over a link ('%.*s') of",
                     MESH_TEXT_SHOWN(own->name, 60));
    return refuse_owner(own->path, link, about->st_uid, err);
  }
  if (++own->links > LINKS_MAX) return fail_errno(own->path, ELOOP, err);
  char target[MESH_PRIVATE_PATH_MAX], rest[MESH_PRIVATE_PATH_MAX];
  ssize_t size = readlinkat(fd, "", target, sizeof target - 1);
  if (size < 0) return fail_errno(own->path, errno, err);
  target[size] = '\0';
  memcpy(rest, own->rest, strlen(own->rest) + 1);
  int total =
      snprintf(own->rest, sizeof own->rest, "%s%s%s", target, rest[0] != '\0' ? "/" : "", rest);
  if (total >= (int)sizeof own->rest) return fail_errno(own->path, ENAMETOOLONG, err);
  if (target[0] != '/') return GRPC_STATUS_OK;
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return fail_errno(own->path, errno, err);
  move_to(own, root);
  return GRPC_STATUS_OK;
}

// Takes one component; *last where it is the last one, which may be missing.
static mesh_code step(walk *own, bool *last, mesh_error *err) {
  mesh_code code = take_name(own, err);
  if (code != GRPC_STATUS_OK) return code;
  *last = own->rest[0] == '\0';
  int fd = openat(own->at, own->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT && own->make && !*last) {
    if (mkdirat(own->at, own->name, 0755) != 0 && errno != EEXIST) {
      return fail_errno(own->path, errno, err);
    }
    fd = openat(own->at, own->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  }
  if (fd < 0) return errno == ENOENT && *last ? GRPC_STATUS_OK : fail_errno(own->path, errno, err);
  struct stat about;
  if (fstat(fd, &about) != 0) {
    code = fail_errno(own->path, errno, err);
  } else if (S_ISLNK(about.st_mode)) {
    code = follow_link(own, fd, &about, err);
    *last = false;
  } else if (!*last) {
    move_to(own, fd);  // no directory: the next step says so
    return GRPC_STATUS_OK;
  }
  close(fd);
  return code;
}

// Walks to the directory that holds `path`: own->at, and the name there is own->name, and no link.
// On OK close own->at.
static mesh_code walk_to(walk *own, const char *path, bool make, mesh_error *err) {
  *own = (walk){.path = path, .make = make, .at = -1};
  if (strlen(path) >= sizeof own->rest) return fail_errno(path, ENAMETOOLONG, err);
  memcpy(own->rest, path, strlen(path) + 1);
  own->at = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (own->at < 0) return fail_errno(path, errno, err);
  mesh_code code = GRPC_STATUS_OK;
  for (bool last = false; !last && code == GRPC_STATUS_OK;)
    code = step(own, &last, err);
  if (code != GRPC_STATUS_OK) move_to(own, -1);
  return code;
}

// ---- what was opened ----

static mesh_code check_owner(const char *path, const struct stat *about, mesh_error *err) {
  return about->st_uid == geteuid() ? GRPC_STATUS_OK
                                    : refuse_owner(path, "belongs to", about->st_uid, err);
}

static mesh_code refuse_kind(const char *path, const struct stat *about, mesh_error *err) {
  if (S_ISDIR(about->st_mode)) return fail_errno(path, EISDIR, err);
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "%.*s is no regular file",
                   MESH_TEXT_SHOWN(path, 300));
}

static mesh_code refuse_mode(const char *path, const struct stat *about, int why, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_PERMISSION_DENIED,
                   "%.*s has mode %04o and cannot be made private: %s", MESH_TEXT_SHOWN(path, 300),
                   (unsigned)(about->st_mode & MODE_BITS), strerror(why));
}

// Takes from others what they may do with `fd`.
static mesh_code make_private(const char *path, int fd, const struct stat *about, mesh_error *err) {
  if ((about->st_mode & OTHERS) == 0) return GRPC_STATUS_OK;
  if (fchmod(fd, about->st_mode & MODE_BITS & ~(mode_t)OTHERS) == 0) return GRPC_STATUS_OK;
  return refuse_mode(path, about, errno, err);
}

static mesh_code check_file(const char *path, int fd, mesh_error *err) {
  struct stat about;
  if (fstat(fd, &about) != 0) return fail_errno(path, errno, err);
  if (!S_ISREG(about.st_mode)) return refuse_kind(path, &about, err);
  mesh_code code = check_owner(path, &about, err);
  return code == GRPC_STATUS_OK ? make_private(path, fd, &about, err) : code;
}

static mesh_code open_file(const char *path, const walk *where, int flags, int *fd,
                           mesh_error *err) {
  // Not to wait for the other end of a pipe that somebody put there.
  int safe = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
  int opened = openat(where->at, where->name, (flags & ~O_TRUNC) | safe, 0600);
  if (opened < 0) return fail_errno(path, errno, err);
  mesh_code code = check_file(path, opened, err);
  if (code == GRPC_STATUS_OK && (flags & O_TRUNC) != 0 && ftruncate(opened, 0) != 0) {
    code = fail_errno(path, errno, err);
  }
  if (code == GRPC_STATUS_OK) {
    *fd = opened;
  } else {
    close(opened);
  }
  return code;
}

mesh_code mesh_private_open(const char *path, int flags, int *fd, mesh_error *err) {
  walk where;
  *fd = -1;
  mesh_code code = walk_to(&where, path, false, err);
  if (code != GRPC_STATUS_OK) return code;
  code = open_file(path, &where, flags, fd, err);
  close(where.at);
  return code;
}

// Through a descriptor that opens nothing: closing a real one would take away the POSIX locks that
// this process has on the file, SQLite's among them.
static mesh_code check_there(const char *path, int fd, mesh_error *err) {
  struct stat about;
  char proc[64];
  if (fstat(fd, &about) != 0) return fail_errno(path, errno, err);
  if (!S_ISREG(about.st_mode)) return refuse_kind(path, &about, err);
  mesh_code code = check_owner(path, &about, err);
  if (code != GRPC_STATUS_OK || (about.st_mode & OTHERS) == 0) return code;
  snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
  if (chmod(proc, about.st_mode & MODE_BITS & ~(mode_t)OTHERS) == 0) return GRPC_STATUS_OK;
  return refuse_mode(path, &about, errno, err);
}

mesh_code mesh_private_check(const char *path, mesh_error *err) {
  walk where;
  mesh_error why;
  mesh_code code = walk_to(&where, path, false, &why);
  if (code == GRPC_STATUS_NOT_FOUND) return GRPC_STATUS_OK;
  if (code == GRPC_STATUS_OK) {
    int fd = openat(where.at, where.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
      code = check_there(path, fd, &why);
      close(fd);
    } else if (errno != ENOENT) {
      code = fail_errno(path, errno, &why);
    }
    close(where.at);
  }
  if (code != GRPC_STATUS_OK && err != NULL) *err = why;
  return code;
}

// ---- directories ----

// True if `fd` is empty, or has what only a home has.
static bool is_home_like(int fd) {
  static const char *const ours[] = {"run/up.lock", "millrace.db", "millrace.yaml"};
  struct stat about;
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
    if (fstatat(fd, ours[i], &about, AT_SYMLINK_NOFOLLOW) == 0) return true;
  }
  int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *listing = copy < 0 ? NULL : fdopendir(copy);
  if (listing == NULL) return false;
  bool empty = true;
  for (struct dirent *entry; empty && (entry = readdir(listing)) != NULL;) {
    empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
  }
  closedir(listing);
  return empty;
}

static mesh_code check_directory(const char *path, int fd, bool home, mesh_error *err) {
  struct stat about;
  if (fstat(fd, &about) != 0) return fail_errno(path, errno, err);
  mesh_code code = check_owner(path, &about, err);
  if (code != GRPC_STATUS_OK || (about.st_mode & OTHERS) == 0) return code;
  if (!home || is_home_like(fd)) return make_private(path, fd, &about, err);
  if ((about.st_mode & OTHERS_WRITE) == 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "%.*s has other things in it, and others may write there (mode %04o): name "
                   "a directory of its own, or chmod 700 it",
                   MESH_TEXT_SHOWN(path, 300), (unsigned)(about.st_mode & MODE_BITS));
}

static mesh_code make_directory(const char *path, bool home, mesh_error *err) {
  walk where;
  mesh_code code = walk_to(&where, path, home, err);
  if (code != GRPC_STATUS_OK) return code;
  int made = mkdirat(where.at, where.name, 0700) == 0 ? 0 : errno;
  int fd = openat(where.at, where.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    code = fail_errno(path, made == 0 || made == EEXIST ? errno : made, err);
  } else {
    code = check_directory(path, fd, home, err);
    close(fd);
  }
  close(where.at);
  return code;
}

mesh_code mesh_private_directory(const char *path, mesh_error *err) {
  return make_directory(path, false, err);
}

mesh_code mesh_private_home(const char *path, mesh_error *err) {
  return make_directory(path, true, err);
}

DIR *mesh_private_list(const char *path) {
  walk where;
  struct stat about;
  if (walk_to(&where, path, false, NULL) != GRPC_STATUS_OK) {
    errno = EACCES;
    return NULL;
  }
  int fd = openat(where.at, where.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  close(where.at);
  if (fd < 0) return NULL;
  bool ours = fstat(fd, &about) == 0 && about.st_uid == geteuid();
  DIR *listing = ours ? fdopendir(fd) : NULL;
  if (listing != NULL) return listing;
  if (!ours) errno = EACCES;
  close(fd);
  return NULL;
}

mesh_code mesh_private_owned(const char *path, mesh_error *err) {
  walk where;
  mesh_error why;
  struct stat about;
  mesh_code code = walk_to(&where, path, false, &why);
  if (code == GRPC_STATUS_NOT_FOUND) return GRPC_STATUS_OK;
  if (code == GRPC_STATUS_OK) {
    bool there = fstatat(where.at, where.name, &about, AT_SYMLINK_NOFOLLOW) == 0;
    if (there) code = check_owner(path, &about, &why);
    close(where.at);
  }
  if (code != GRPC_STATUS_OK && err != NULL) *err = why;
  return code;
}
