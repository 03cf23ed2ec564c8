// What the kernels are written against: CUDA or, in tests, threads of a block that are played on the host one after the other
// (test/native/emulation). The numbers of activations are f32 or bf16; arithmetic is f32.
#pragma once
#include <cstddef>
#include <cstdint>
#if defined(TRMESH_EMULATED)
#include "emulation.h"
#else
#include <cuda_runtime.h>
#include "failure.h"
#endif

namespace trmesh {

/** The upper half of an f32, rounded to nearest even. */
struct bf16 {
  uint16_t bits;
};

#if defined(TRMESH_EMULATED)
typedef int Stream;
#else
typedef cudaStream_t Stream;
#endif

constexpr int kWarp = 32;
constexpr unsigned kAll = 0xffffffffu;

inline long divideUp(long n, long step) { return (n + step - 1) / step; }
inline long roundUp(long n, long step) { return divideUp(n, step) * step; }

/** A grid of blocks, with `shared` bytes of shared memory each. */
struct Launch {
  dim3 grid;
  dim3 block;
  size_t shared = 0;
};

/** Enough blocks of 256 threads for one thread an item; kernels go on by the size of the grid where that is too many. */
inline Launch overItems(long items) {
  const long blocks = divideUp(items, 256), most = 1 << 20;
  return {dim3(static_cast<unsigned>(blocks < most ? blocks : most)), dim3(256), 0};
}

#if !defined(TRMESH_EMULATED)
/** @throws std::runtime_error with the kernel, how it was asked for, and what CUDA says */
inline void mustLaunch(cudaError_t status, const void *kernel, const Launch &how) {
  if (status == cudaSuccess) return;
  const char *name = nullptr;
#if CUDART_VERSION >= 12030
  if (cudaFuncGetName(&name, kernel) != cudaSuccess) name = nullptr;
#else
  static_cast<void>(kernel);
#endif
  const auto sizes = [](const dim3 &d) { return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " + std::to_string(d.z); };
  throw std::runtime_error(std::string("the kernel ") + (name == nullptr ? "" : name) + " on " + sizes(how.grid) + " blocks of " +
                           sizes(how.block) + " threads with " + std::to_string(how.shared) +
                           " bytes: " + cudaGetErrorString(status));
}
#endif

/** One launch on the stream. @throws std::runtime_error with what CUDA says */
template <class... P, class... A> void run(Stream stream, const Launch &how, void (*kernel)(P...), A... args) {
  if (how.grid.x == 0) return;
#if defined(TRMESH_EMULATED)
  static_cast<void>(stream);
  emulation::perform([=] { emulation::launch(how.grid, how.block, how.shared, [&] { kernel(static_cast<P>(args)...); }); });
#else
  const void *const itself = reinterpret_cast<const void *>(kernel);
  if (how.shared > 48 * 1024)
    mustLaunch(cudaFuncSetAttribute(itself, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(how.shared)), itself, how);
  kernel<<<how.grid, how.block, how.shared, stream>>>(static_cast<P>(args)...);
  mustLaunch(cudaGetLastError(), itself, how);
#endif
}

/** Items of a flat loop: thread after thread, then by the size of the grid. */
__device__ __forceinline__ long firstItem() { return static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ long itemStep() { return static_cast<long>(gridDim.x) * blockDim.x; }

/** The block's dynamic shared memory. */
template <class T> __device__ __forceinline__ T *sharedMemory() {
#if defined(TRMESH_EMULATED)
  return static_cast<T *>(emulation::sharedMemory());
#else
  extern __shared__ __align__(16) unsigned char trmeshShared[];
  return reinterpret_cast<T *>(trmeshShared);
#endif
}

__device__ __forceinline__ float asFloat(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  union {
    uint32_t bits;
    float value;
  } both{bits};
  return both.value;
#endif
}
__device__ __forceinline__ uint32_t asBits(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(x);
#else
  union {
    float value;
    uint32_t bits;
  } both{x};
  return both.bits;
#endif
}

/** Bits of two values rounded to bf16, `low` in the lower half. */
__device__ __forceinline__ uint32_t packPair(float low, float high) {
#if defined(__CUDA_ARCH__)
  uint32_t both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
#else
  const auto half = [](float x) {
    const uint32_t bits = asBits(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u; // NaN stays NaN
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  };
  return half(low) | (half(high) << 16);
#endif
}

__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(bf16 x) { return asFloat(static_cast<uint32_t>(x.bits) << 16); }
template <class T> __device__ __forceinline__ T narrow(float x);
template <> __device__ __forceinline__ float narrow<float>(float x) { return x; }
template <> __device__ __forceinline__ bf16 narrow<bf16>(float x) { return bf16{static_cast<uint16_t>(packPair(x, 0.0f))}; }
/** As it will be when it is stored as T. */
template <class T> __device__ __forceinline__ float rounded(float x) { return widen(narrow<T>(x)); }

/** N neighbours at once, N even; N * sizeof(T) must divide their address, up to 16 bytes. */
template <int N> __device__ __forceinline__ void load(const float *p, float (&v)[N]) {
  if constexpr (N % 4 == 0) {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      const float4 four = *reinterpret_cast<const float4 *>(p + i);
      v[i] = four.x, v[i + 1] = four.y, v[i + 2] = four.z, v[i + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; i += 2) {
      const float2 two = *reinterpret_cast<const float2 *>(p + i);
      v[i] = two.x, v[i + 1] = two.y;
    }
  }
}
template <int N> __device__ __forceinline__ void load(const bf16 *p, float (&v)[N]) {
  uint32_t raw[N / 2];
  if constexpr (N % 8 == 0) {
#pragma unroll
    for (int i = 0; i < N / 2; i += 4) {
      const uint4 four = *reinterpret_cast<const uint4 *>(p + 2 * i);
      raw[i] = four.x, raw[i + 1] = four.y, raw[i + 2] = four.z, raw[i + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < N / 2; i++) raw[i] = *reinterpret_cast<const uint32_t *>(p + 2 * i);
  }
#pragma unroll
  for (int i = 0; i < N / 2; i++) {
    v[2 * i] = asFloat(raw[i] << 16);
    v[2 * i + 1] = asFloat(raw[i] & 0xffff0000u);
  }
}
template <int N> __device__ __forceinline__ void store(float *p, const float (&v)[N]) {
  if constexpr (N % 4 == 0) {
#pragma unroll
    for (int i = 0; i < N; i += 4) *reinterpret_cast<float4 *>(p + i) = make_float4(v[i], v[i + 1], v[i + 2], v[i + 3]);
  } else {
#pragma unroll
    for (int i = 0; i < N; i += 2) *reinterpret_cast<float2 *>(p + i) = make_float2(v[i], v[i + 1]);
  }
}
template <int N> __device__ __forceinline__ void store(bf16 *p, const float (&v)[N]) {
  uint32_t raw[N / 2];
#pragma unroll
  for (int i = 0; i < N / 2; i++) raw[i] = packPair(v[2 * i], v[2 * i + 1]);
  if constexpr (N % 8 == 0) {
#pragma unroll
    for (int i = 0; i < N / 2; i += 4)
      *reinterpret_cast<uint4 *>(p + 2 * i) = make_uint4(raw[i], raw[i + 1], raw[i + 2], raw[i + 3]);
  } else {
#pragma unroll
    for (int i = 0; i < N / 2; i++) *reinterpret_cast<uint32_t *>(p + 2 * i) = raw[i];
  }
}

/** The sum over the lanes of a warp, the same bits in each. */
__device__ __forceinline__ float warpSum(float x) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) x += __shfl_xor_sync(kAll, x, step);
  return x;
}
__device__ __forceinline__ float warpMax(float x) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(kAll, x, step));
  return x;
}

} // namespace trmesh
