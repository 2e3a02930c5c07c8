// mesh_file: whole files: written so that a crash leaves the old one or the new one, read at once,
// and told apart by their SHA-256. Blocks: on a pool thread.
#ifndef MILLRACE_MESH_PROGRAM_FILE_H
#define MILLRACE_MESH_PROGRAM_FILE_H

#include "mesh/runtime/bytes.h"
#include "mesh/runtime/status.h"

enum { MESH_SHA256_HEX = 65 };  // bytes, with the NUL

// Writes `bytes` to a file beside `path`, syncs it, renames it to `path`, syncs the directory.
// A link or a file that was there is replaced, never written through; the mode is the umask's.
// RESOURCE_EXHAUSTED: the disk is full; NOT_FOUND, PERMISSION_DENIED, INTERNAL: names the path.
// Nothing is left behind by a failure.
MESH_NODISCARD mesh_code mesh_file_write(const char *path, mesh_view bytes, mesh_error *err);

// Reads a file of at most `most` bytes into *out (free its data), a pipe or a device to its end.
// NOT_FOUND; OUT_OF_RANGE: it is larger.
MESH_NODISCARD mesh_code mesh_file_read(const char *path, size_t most, mesh_bytes *out,
                                        mesh_error *err);

// The same for a file of a mesh's home: one that is this user's own (private.h).
MESH_NODISCARD mesh_code mesh_file_read_private(const char *path, size_t most, mesh_bytes *out,
                                                mesh_error *err);

// Finds SHA-256 now, at a program's start: libcrypto then reads 2 MiB of itself, and aborts where
// the machine's OpenSSL is set up to have none. Else the first hash does, at the end of hours of
// work.
void mesh_sha256_prepare(void);

// The SHA-256 of `bytes`, as 64 lower-case hexadecimal digits.
void mesh_sha256(mesh_view bytes, char out[MESH_SHA256_HEX]);
// The same of several pieces, one after the other, without a copy of them.
void mesh_sha256_views(const mesh_view *views, size_t count, char out[MESH_SHA256_HEX]);

#endif
