#!/bin/sh
# Runs chaos.py from the root of the runfiles, as Bazel starts it.
set -eu
export PYTHONPATH=tests/integration PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=NONE
exec /usr/bin/python3 tests/integration/chaos.py "$@"
