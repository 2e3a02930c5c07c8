// What a fuzz target is, for libFuzzer and for replay.c.
#ifndef MILLRACE_TESTS_FUZZ_TARGET_H
#define MILLRACE_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#endif
