#!/bin/sh
# Runs test modules of this directory; from the root of the runfiles, as Bazel starts it.
#   run.sh [MODULE | MODULE.CLASS.TEST ...]    default: all
set -eu
export PYTHONPATH=tests/integration PYTHONDONTWRITEBYTECODE=1
# grpcio logs each refused connection, which is what some tests are about.
export GRPC_VERBOSITY=NONE
[ $# -gt 0 ] || set -- $(cd tests/integration && ls -- *_test.py | sed "s/[.]py$//")
exec /usr/bin/python3 -m unittest -v "$@"
