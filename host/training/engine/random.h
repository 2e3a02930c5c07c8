// train_random: numbers that depend only on where they are used: Philox 4x32-10 (Salmon et al.,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011). No state: a resumed run draws what an
// uninterrupted one would have drawn, and so does another device.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_RANDOM_H
#define MILLRACE_HOST_TRAINING_ENGINE_RANDOM_H

#include <stdint.h>

#ifdef __CUDACC__
#define TRAIN_HOST_DEVICE __host__ __device__
#else
#define TRAIN_HOST_DEVICE
#endif

// What the numbers are for: streams of one seed that never meet.
enum { TRAIN_STREAM_WEIGHTS = 1, TRAIN_STREAM_SHUFFLE = 2, TRAIN_STREAM_DROPOUT = 3 };

// Four numbers for counter (a, b, c, stream) under `seed`.
// Dropout: a = row of the batch * width + unit, divided by 4 (the lane is the remainder),
// b = low word of the step, c = (high word of the step << 8) ^ hidden layer; a unit is dropped if
// its number is less than train_random_threshold(p).
static inline TRAIN_HOST_DEVICE void train_random4(uint64_t seed, uint32_t a, uint32_t b,
                                                   uint32_t c, uint32_t stream, uint32_t out[4]) {
  uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
  uint32_t x0 = a, x1 = b, x2 = c, x3 = stream;
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * x0, p1 = (uint64_t)0xCD9E8D57u * x2;
    uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1 ^ key0, y2 = (uint32_t)(p0 >> 32) ^ x3 ^ key1;
    x1 = (uint32_t)p1;
    x3 = (uint32_t)p0;
    x0 = y0;
    x2 = y2;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

// Uniform in [0, 1), 24 bits.
static inline TRAIN_HOST_DEVICE float train_random_unit(uint32_t bits) {
  return (float)(bits >> 8) * 0x1p-24f;
}

static inline TRAIN_HOST_DEVICE uint32_t train_random_threshold(float probability) {
  return (uint32_t)((double)probability * 4294967296.0);
}

#endif
