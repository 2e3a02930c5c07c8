#!/bin/sh
# Runs a benchmark with little of everything (bench_is_smoke() in measure.h): it must do all of its
# work, and say its targets, whatever the numbers are. Usage: smoke.sh NAME
set -eu
output=$(mktemp)
trap 'cat "$output"; rm "$output"' EXIT
MILLRACE_TEST_SMOKE=1 "tests/bench/$1" > "$output"
grep -q '^  target  ' "$output" || { echo "$1 says no target" >&2; exit 1; }
