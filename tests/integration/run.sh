#!/bin/sh
# Runs test modules of this directory; from the root of the runfiles, as Bazel starts it.
#   run.sh [MODULE | MODULE.CLASS.TEST ...]    default: all
set -eu
export PYTHONPATH=tests/integration PYTHONDONTWRITEBYTECODE=1
# grpcio logs each refused connection, which is what some tests are about.
export GRPC_VERBOSITY=NONE
[ $# -gt 0 ] || set -- up_test users_test load_test cancel_test grpc_cli_test python_grpcio_test kill_test \
  bad_input_test bad_gateway_test watch_test recovery_test rolling_test faults_test hosts_test deadline_test operations_test \
  streams_test train_test train_cuda_test train_faults_test
exec /usr/bin/python3 -m unittest -v "$@"
