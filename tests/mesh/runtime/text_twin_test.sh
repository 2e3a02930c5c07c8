#!/bin/sh
exec /usr/bin/python3 tests/mesh/runtime/text_twin_test.py "$1"
