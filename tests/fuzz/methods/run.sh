#!/bin/sh
# Runs methods.py from the root of the runfiles, as Bazel starts it.
set -eu
export PYTHONPATH=tests/integration:tests/fuzz/methods PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=NONE
exec /usr/bin/python3 tests/fuzz/methods/methods.py "$@"
