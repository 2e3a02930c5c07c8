#!/bin/sh
# Includes point one way: runtime <- rpc <- operation <- program <- market <- requests, and these
# below backend, the hosts and the command line, which do not know each other. Of the messages, mesh/
# knows operations and hosts. Bazel's visibility says so too; this reads the sources themselves, which
# a widened visibility does not change.
set -u

# check < "FILE:#include \"HEADER\"": prints what is against the arrows.
check() {
  awk '
    function below(room, others) { may[room] = " " room " " others " " }
    function room_of(path, best, room) {
      best = ""
      for (room in may)
        if (index(path, room "/") == 1 && length(room) > length(best)) best = room
      return best
    }
    BEGIN {
      below("mesh/runtime", "")
      below("mesh/rpc", "mesh/runtime")
      below("mesh/operation", "mesh/runtime mesh/rpc")
      below("mesh/program", "mesh/runtime mesh/rpc mesh/operation")
      mesh = "mesh/runtime mesh/rpc mesh/operation mesh/program"
      below("market", mesh)
      below("requests", "market " mesh)
      below("backend", "market requests " mesh)
      below("host/ib", "market requests " mesh)
      below("host/training", "market requests " mesh)
      below("cli", "market " mesh)
    }
    {
      file = $0; sub(/:.*/, "", file)
      header = $0; sub(/^[^"]*"/, "", header); sub(/".*/, "", header)
      from = room_of(file); to = room_of(header)
      if (from == "") { print file ": is in no room that this test knows"; next }
      if (header ~ /^(tests|tools)\//) print file ": " from " includes " header
      if (to != "" && index(may[from], " " to " ") == 0) print file ": " from " includes " header
      if (from ~ /^mesh\// && header ~ /^millrace\/v1\// && header !~ /^millrace\/v1\/(operation|hosts)\./)
        print file ": the foundation knows " header
    }'
}

# What it looks for is found: else it would pass for ever.
planted=$(check <<'PLANTED'
mesh/runtime/status.c:#include "mesh/rpc/call.h"
mesh/rpc/call.c:#include "mesh/operation/operation.h"
mesh/operation/relay.c:#include "mesh/program/file.h"
mesh/program/file.c:#include "market/times.h"
mesh/operation/event.c:#include "millrace/v1/bars.pb.h"
market/times.c:#include "requests/data.h"
requests/data.c:#include "backend/data/gaps.h"
cli/args.c:#include "requests/data.h"
backend/data/load.c:#include "host/ib/codec.h"
host/ib/service.c:#include "host/training/bars.h"
host/training/bars.h:#include "cli/args.h"
cli/args.c:#include "backend/options.h"
cli/args.c:#include "tests/unit.h"
strategy/tree.c:#include "mesh/runtime/status.h"
PLANTED
)
[ "$(echo "$planted" | wc -l)" = 14 ] || { echo "of 14 planted faults it finds: $planted"; exit 1; }
quiet=$(check <<'RIGHT'
mesh/program/host_control.c:#include "millrace/v1/hosts.pb-c.h"
mesh/rpc/call.c:#include "mesh/rpc/link.h"
market/bar_columns.c:#include "millrace/v1/bars.pb.h"
host/ib/codec.h:#include "market/bar_columns.h"
RIGHT
)
[ -z "$quiet" ] || { echo "it finds fault with what is right: $quiet"; exit 1; }

files=$(find mesh market requests backend host cli -name '*.[ch]')
count=$(echo "$files" | wc -l)
[ "$count" -gt 250 ] || { echo "only $count sources are where this test looks"; exit 1; }
# shellcheck disable=SC2086
found=$(grep -HE '^#include "' $files | check)
if [ -n "$found" ]; then
  echo "$found"
  exit 1
fi
echo "includes point one way in $count files"
