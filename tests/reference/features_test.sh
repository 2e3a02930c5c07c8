#!/bin/sh
# features_test.sh DUMP
set -eu
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 -W ignore tests/reference/features_test.py "$1" tools/papergate/market/*.csv
