// mesh_private: files and directories that are this user's alone, whatever the umask: what a mesh
// keeps in its home. One way in for all of them. A path is walked component by component: what
// somebody else owns is refused, and so is a link that somebody else made; one's own link, and one
// of root's, is followed. "This user" is the effective one. Blocks for a few system calls.
#ifndef MILLRACE_MESH_PROGRAM_PRIVATE_H
#define MILLRACE_MESH_PROGRAM_PRIVATE_H

#include <dirent.h>

#include "mesh/runtime/status.h"

enum { MESH_PRIVATE_PATH_MAX = 4096 };  // bytes of a path, with the NUL

// Opens the regular file `path` as open() does with `flags`, O_CLOEXEC and a mode of 0600, which a
// file that is there already gets, too; O_TRUNC takes effect after the checks. On OK the caller
// owns *fd. PERMISSION_DENIED: somebody else's, or the system refuses; NOT_FOUND;
// FAILED_PRECONDITION: no regular file; RESOURCE_EXHAUSTED: the disk is full. Names the path.
MESH_NODISCARD mesh_code mesh_private_open(const char *path, int flags, int *fd, mesh_error *err);

// Checks, without opening it, what another library will open by its name: OK if it is a regular
// file of our own (its mode becomes 0600), or if it is not there.
MESH_NODISCARD mesh_code mesh_private_check(const char *path, mesh_error *err);

// Makes the directory `path`, whose parent is there, with a mode of 0700, which one that is there
// gets, too. Errors as above; FAILED_PRECONDITION: no directory.
MESH_NODISCARD mesh_code mesh_private_directory(const char *path, mesh_error *err);

// The same for a home, whose parents are made as mkdir -p does. One that is there, that others may
// use, and that has things in it which no mesh made, may be anything (/tmp, a person's ~): its mode
// stays. FAILED_PRECONDITION where others may even write there.
MESH_NODISCARD mesh_code mesh_private_home(const char *path, mesh_error *err);

// Lists the directory `path` if it is our own; close it with closedir(). NULL: it is not, or cannot
// be read, with errno. What is in it is reached through dirfd(), and not by its path.
DIR *mesh_private_list(const char *path);

// OK if the directory `path` is our own, or not there: whoever only asks what lies in a home.
MESH_NODISCARD mesh_code mesh_private_owned(const char *path, mesh_error *err);

#endif
