#!/bin/sh
# Runs stoqey_test.js with node's test runner. Usage: stoqey_test.sh PAPERGATE MARKET_FILE
set -eu
here=$(dirname "$0")
if ! test -d "$here/node_modules/@stoqey/ib"; then
  echo "tests/interop/node_modules is missing: run tools/setup" >&2
  exit 1
fi
command -v node > /dev/null || { echo "node is missing: run tools/setup" >&2; exit 1; }
PAPERGATE=$(realpath "$1")
PAPERGATE_MARKET=$(dirname "$(realpath "$2")")
export PAPERGATE PAPERGATE_MARKET
# The runner waits for what the test leaves open: a leak shows as a timeout, not as a pass.
exec node --test --test-reporter=spec "$here/stoqey_test.js"
