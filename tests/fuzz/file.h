// An input as a file, for readers that take a path: it exists in memory only.
#ifndef MILLRACE_TESTS_FUZZ_FILE_H
#define MILLRACE_TESTS_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct fuzz_file {
  int fd;
  char path[40];
} fuzz_file;

static inline void fuzz_file_open(fuzz_file *file, const uint8_t *data, size_t size_bytes) {
  file->fd = memfd_create("input", MFD_CLOEXEC);
  if (file->fd < 0 || write(file->fd, data, size_bytes) != (ssize_t)size_bytes) abort();
  snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
}

static inline void fuzz_file_close(fuzz_file *file) {
  close(file->fd);
}

#endif
