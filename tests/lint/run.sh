#!/bin/sh
exec /usr/bin/python3 -B tests/lint/sources_test.py
