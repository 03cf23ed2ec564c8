// CUDA's side of the kernels, played on the host so that their logic can be tested without a GPU: every thread of a block is a
// fiber, a warp's lanes meet at its collectives, the block's threads at its barriers. It finds lanes that wait at different
// places, reads of memory that nobody wrote (NaN) and, with threads in another order, results that depend on the order.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }

namespace emulation {

/** What the running thread sees of itself. */
struct Place {
  dim3 thread, block, blockSize, gridSize;
};
extern Place now;

/** Runs all blocks of a grid, one after the other; `body` is what each thread does. @throws std::logic_error on a deadlock */
void launchThreads(dim3 grid, dim3 block, size_t shared, void (*body)(void *), void *given);

template <class Body> void launch(dim3 grid, dim3 block, size_t shared, const Body &body) {
  launchThreads(grid, block, shared, [](void *given) { (*static_cast<const Body *>(given))(); }, const_cast<Body *>(&body));
}

/** Does it now, or keeps it where work is being recorded (runtime.cpp). */
void perform(std::function<void()> work);
/** Where work is kept; null: it is done. */
extern std::vector<std::function<void()>> *recorder;

void *sharedMemory();
/** A thread reads or writes shared memory: the launch fails if another did since they last met, and one of both wrote. */
void touch(const void *address, size_t bytes, bool writes);
/** 16 bytes to shared memory, which are there only when the copies of their group are waited for. */
void startCopy(void *to, const void *from);
void endCopyGroup();
/** Until at most `most` groups are under way. */
void finishCopies(unsigned most);
void waitForBlock();
/** Hands `bytes` (at most 64) to the other lanes and waits for theirs; lane l's lie at slot(l) until the next exchange. */
void exchange(const void *mine, size_t bytes);
const void *slot(unsigned lane);
unsigned lane();

template <class T> T from(T mine, unsigned source) {
  static_assert(std::is_trivially_copyable<T>::value, "plain values only");
  exchange(&mine, sizeof mine);
  T theirs;
  std::memcpy(&theirs, slot(source), sizeof theirs);
  return theirs;
}

} // namespace emulation

#define threadIdx (emulation::now.thread)
#define blockIdx (emulation::now.block)
#define blockDim (emulation::now.blockSize)
#define gridDim (emulation::now.gridSize)

inline void __syncthreads() { emulation::waitForBlock(); }
inline void __syncwarp() {
  const char nothing = 0;
  emulation::exchange(&nothing, 1);
}
template <class T> T __shfl_xor_sync(unsigned, T x, int mask) { return emulation::from(x, emulation::lane() ^ mask); }
template <class T> T __shfl_sync(unsigned, T x, int source) { return emulation::from(x, source & 31); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
