// The kernels for processors with AVX512.
#define VECTOR 16
#define TILE_ROWS 6
#define TILE_VECTORS 4
#define KERNELS cpu_kernels_avx512
#define NAME "avx512"
#include "host/training/engine/kernels.inc"
