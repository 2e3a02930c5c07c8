// The kernels for processors with AVX2.
#define VECTOR 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define KERNELS cpu_kernels_avx2
#define NAME "avx2"
#include "host/training/engine/kernels.inc"
