#!/bin/sh
exec /usr/bin/python3 tests/bench/watchers.py
