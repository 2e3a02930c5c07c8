#include "cli/exit_code.h"

int exit_code_of(mesh_code code) {
  switch (code) {
    case GRPC_STATUS_OK:
      return EXIT_CODE_DONE;
    case GRPC_STATUS_INVALID_ARGUMENT:
      return EXIT_CODE_USAGE;
    case GRPC_STATUS_NOT_FOUND:
      return EXIT_CODE_NOT_FOUND;
    case GRPC_STATUS_UNAVAILABLE:
      return EXIT_CODE_UNAVAILABLE;
    case GRPC_STATUS_FAILED_PRECONDITION:
    case GRPC_STATUS_PERMISSION_DENIED:
    case GRPC_STATUS_UNAUTHENTICATED:
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
    case GRPC_STATUS_ALREADY_EXISTS:
      return EXIT_CODE_REFUSED;
    default:
      return EXIT_CODE_FAILED;
  }
}

int exit_code_of_outcome(mesh_code code) {
  return code == GRPC_STATUS_RESOURCE_EXHAUSTED ? EXIT_CODE_FAILED : exit_code_of(code);
}
