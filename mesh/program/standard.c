#include "mesh/program/standard.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

// Opened the wrong way round: what is written to a closed standard output still is an error.
void mesh_standard_hold(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
      _exit(EX_TEMPFAIL);  // and there is nowhere to say why
    }
  }
}
