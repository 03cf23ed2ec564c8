// How the kernels for GPUs are compiled. Part of a build's fingerprint, like the sources themselves.

/** Files under kernels/, each an object of its own. */
export const CUDA_SOURCES: readonly string[] = ['engine.cu', 'addon.cu', 'runtime-cuda.cu', 'products-cublaslt.cu']

export const CUDA_COMMON: readonly string[] = [
  '-std=c++17',
  '-O3',
  '-DNAPI_VERSION=8',
  '-Xcompiler',
  '-fPIC,-fvisibility=hidden,-Wall,-Wextra,-Wno-unknown-pragmas',
]

/** Machine code for 8.0 (which 8.6 and 8.9 run too), 9.0 and 10.0, and instructions that a driver compiles for whatever comes later. */
export const CUDA_TARGETS: readonly string[] = [
  '-gencode=arch=compute_80,code=sm_80',
  '-gencode=arch=compute_90,code=sm_90',
  '-gencode=arch=compute_100,code=[sm_100,compute_100]',
]
