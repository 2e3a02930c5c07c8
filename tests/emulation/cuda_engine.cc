// The CUDA engine as plain C++.
#include "host/training/engine/cuda.cu"
