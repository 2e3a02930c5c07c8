#include "host/training/engine/random.h"
#include "host/training/trainer/internal.h"

// Fisher-Yates, from the last to the first.
bool trainer_shuffle(trainer *own, train_stop *stop) {
  if (own->shuffled) return true;
  size_t count = own->rows.count;
  size_t done = 0;
  for (size_t i = 0; i < count && train_goes_on(stop, &done, 1); i++)
    own->order[i] = (uint32_t)i;
  if (train_stopped(stop)) return false;
  uint32_t random[4];
  for (size_t i = count; i-- > 1;) {
    if (!train_goes_on(stop, &done, 1)) return false;
    size_t lane = (count - 1 - i) % 4;
    if (lane == 0) {
      train_random4(own->setup.seed, (uint32_t)((count - 1 - i) / 4), (uint32_t)own->counts.epoch,
                    0, TRAIN_STREAM_SHUFFLE, random);
    }
    size_t other = (size_t)(((uint64_t)random[lane] * (i + 1)) >> 32);
    uint32_t moved = own->order[i];
    own->order[i] = own->order[other];
    own->order[other] = moved;
  }
  own->shuffled = true;
  return true;
}
