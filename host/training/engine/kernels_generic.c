// The kernels for any processor.
#define VECTOR 4
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define KERNELS cpu_kernels_generic
#define NAME "generic"
#include "host/training/engine/kernels.inc"
