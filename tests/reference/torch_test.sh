#!/bin/sh
# torch_test.sh STEPS
set -eu
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 -W ignore tests/reference/torch_test.py "$1"
