// Attention on the matrix instructions, bf16 with f32 sums, flash style: a block owns 64 rows (queries; back also keys), a warp 16
// of them in registers, and the partners pass by in tiles of shared memory. SIZE: channels of a head, filled up with zeros to
// 16, 32, 64 or 128. Queries and keys are turned by their positions (spec 1.5) where they lie in shared memory, and their gradients
// turned back on the way out. Back is two passes, one by queries and one by keys: each sum has one owner, so its order is fixed.
#pragma once
#include <type_traits>
#include "attention.h"
#include "rope.cuh"
#include "tensor-core.h"

namespace trmesh {

constexpr int kTileWarps = 4;
constexpr int kOwners = 16 * kTileWarps;
/** Rows of shared memory are padded by 16 bytes: eight rows of a tile then lie in different banks. */
template <int SIZE> constexpr int kPitch = SIZE + 8;
constexpr float kLog2e = 1.4426950408889634f;

/**
 * Rows [first, first + ROWS) of one head into shared memory; zeros past the last position and past the head's channels. A thread
 * brings pieces of a row that lie half a row apart: it can turn them by itself when they are there (turnTile).
 */
template <int SIZE, int ROWS>
__device__ __forceinline__ void bringRows(bf16 *to, const bf16 *from, long stride, int first, const HeadShape &shape) {
  constexpr int pairs = SIZE / 16;
  for (int i = threadIdx.x; i < ROWS * pairs; i += kTileWarps * kWarp) {
    const int row = i / pairs, at = first + row;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int channel = i % pairs * 8 + half * (SIZE / 2);
      bf16 *out = to + row * kPitch<SIZE> + channel;
      const bf16 *in = from + at * stride + channel;
      if (at < shape.positions && channel + 8 <= shape.size && shape.size % 8 == 0) {
        startCopy(out, in);
      } else {
        for (int e = 0; e < 8; e++)
          out[e] = at < shape.positions && channel + e < shape.size ? in[e] : bf16{0};
      }
    }
  }
}

/**
 * The rows that bringRows brought, turned in place as they arrive: called between finishCopies and the barrier, by all threads of
 * the block. No turned copy of queries and keys ever lies in the device's memory.
 */
template <int SIZE, int ROWS>
__device__ __forceinline__ void turnTile(bf16 *tile, int first, const HeadShape &shape, const Rope &rope) {
  if (rope.cos == nullptr) return;
  if (shape.size == SIZE) {
    constexpr int pairs = SIZE / 16;
    for (int i = threadIdx.x; i < ROWS * pairs; i += kTileWarps * kWarp) {
      const int row = i / pairs, channel = i % pairs * 8;
      if (first + row < shape.positions) {
        bf16 *x = tile + row * kPitch<SIZE> + channel;
        turnPair<8>(x, x + SIZE / 2, x, x + SIZE / 2, rope, static_cast<long>(first + row) * SIZE + channel, SIZE / 2, 1);
      }
    }
    return;
  }
  __syncthreads(); // a thread's channels have their partners elsewhere
  const int half = shape.size / 2;
  for (int i = threadIdx.x; i < ROWS * half; i += kTileWarps * kWarp) {
    const int row = i / half, channel = i % half;
    if (first + row < shape.positions) {
      bf16 *x = tile + row * kPitch<SIZE> + channel;
      turnPair<1>(x, x + half, x, x + half, rope, static_cast<long>(first + row) * shape.size + channel, half, 1);
    }
  }
}

/** A warp's 16 rows as left operands: SIZE / 16 pieces. */
template <int SIZE> __device__ __forceinline__ void takeRows(uint32_t (&a)[SIZE / 16][4], const bf16 *rows) {
  const int lane = threadIdx.x % kWarp;
  const bf16 *row = rows + (lane % 16) * kPitch<SIZE> + lane / 16 * 8;
#pragma unroll
  for (int k = 0; k < SIZE / 16; k++) loadTiles(a[k], row + 16 * k);
}

/** s (16 x ROWS) <- a b^T for ROWS rows of shared memory. */
template <int SIZE, int ROWS>
__device__ __forceinline__ void multiplyRows(float (&s)[ROWS / 8][4], const uint32_t (&a)[SIZE / 16][4], const bf16 *rows) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int n = 0; n < ROWS / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) s[n][i] = 0;
  // A load brings two groups of eight rows, for two halves of 16 channels.
  const bf16 *row = rows + (lane % 8 + lane / 16 * 8) * kPitch<SIZE> + lane / 8 % 2 * 8;
#pragma unroll
  for (int n = 0; n < ROWS / 8; n += 2)
#pragma unroll
    for (int k = 0; k < SIZE / 16; k++) {
      uint32_t r[4];
      loadTiles(r, row + n * 8 * kPitch<SIZE> + 16 * k);
      const uint32_t low[2] = {r[0], r[1]}, high[2] = {r[2], r[3]};
      multiplyTiles(s[n], a[k], low);
      multiplyTiles(s[n + 1], a[k], high);
    }
}

/** sums (16 x SIZE) += w (16 x ROWS, as bf16) times ROWS rows of shared memory. */
template <int SIZE, int ROWS>
__device__ __forceinline__ void addProduct(float (&sums)[SIZE / 8][4], const float (&w)[ROWS / 8][4], const bf16 *rows) {
  const int lane = threadIdx.x % kWarp;
  const bf16 *row = rows + (lane % 16) * kPitch<SIZE> + lane / 16 * 8;
#pragma unroll
  for (int k = 0; k < ROWS / 16; k++) {
    // Where the sums of one product lie is where the left operand of the next is wanted.
    const uint32_t a[4] = {packPair(w[2 * k][0], w[2 * k][1]), packPair(w[2 * k][2], w[2 * k][3]),
                           packPair(w[2 * k + 1][0], w[2 * k + 1][1]), packPair(w[2 * k + 1][2], w[2 * k + 1][3])};
#pragma unroll
    for (int n = 0; n < SIZE / 8; n += 2) {
      uint32_t r[4];
      loadTilesTurned(r, row + 16 * k * kPitch<SIZE> + 8 * n);
      const uint32_t low[2] = {r[0], r[1]}, high[2] = {r[2], r[3]};
      multiplyTiles(sums[n], a, low);
      multiplyTiles(sums[n + 1], a, high);
    }
  }
}

/** Rows `row` and row + 8 of sums, times a factor each, to memory. */
template <int SIZE>
__device__ __forceinline__ void giveRows(bf16 *to, long stride, int row, const float (&sums)[SIZE / 8][4], float upper, float lower,
                                         const HeadShape &shape) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int at = row + 8 * half;
    if (at >= shape.positions) continue;
    const float factor = half == 0 ? upper : lower;
#pragma unroll
    for (int n = 0; n < SIZE / 8; n++) {
      const int channel = 8 * n + 2 * (lane % 4);
      bf16 *out = to + at * stride + channel;
      if (channel < shape.size) out[0] = narrow<bf16>(sums[n][2 * half] * factor);
      if (channel + 1 < shape.size) out[1] = narrow<bf16>(sums[n][2 * half + 1] * factor);
    }
  }
}

/** The warp's 16 rows of gradients of turned rows, from `first` on, turned back on their way to memory. `stage`: room for them. */
template <int SIZE>
__device__ __forceinline__ void giveRowsBack(bf16 *to, long stride, int first, const float (&sums)[SIZE / 8][4], bf16 *stage,
                                             const HeadShape &shape, const Rope &rope) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int n = 0; n < SIZE / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      stage[(lane / 4 + i / 2 * 8) * kPitch<SIZE> + 8 * n + 2 * (lane % 4) + i % 2] = narrow<bf16>(sums[n][i]);
  __syncwarp();
  const auto turn = [&](auto width, int half) {
    constexpr int N = decltype(width)::value;
    const int pieces = half / N;
    for (int i = lane; i < 16 * pieces; i += kWarp) {
      const int row = i / pieces, channel = i % pieces * N, at = first + row;
      if (at >= shape.positions) continue;
      const bf16 *x = stage + row * kPitch<SIZE> + channel;
      bf16 *out = to + at * stride + channel;
      turnPair<N>(x, x + half, out, out + half, rope, static_cast<long>(at) * shape.size + channel, half, -1);
    }
  };
  if (shape.size == SIZE) turn(std::integral_constant<int, 8>(), SIZE / 2);
  else turn(std::integral_constant<int, 1>(), shape.size / 2);
}

/** Over the four lanes that share a row. */
__device__ __forceinline__ float rowMax(float x) {
  x = fmaxf(x, __shfl_xor_sync(kAll, x, 1));
  return fmaxf(x, __shfl_xor_sync(kAll, x, 2));
}
__device__ __forceinline__ float rowSum(float x) {
  x += __shfl_xor_sync(kAll, x, 1);
  return x + __shfl_xor_sync(kAll, x, 2);
}

constexpr int kKeys = 64;
/** Two stages of keys and values; the queries pass through the first. */
template <int SIZE> constexpr size_t kForwardBytes = 4 * kKeys * kPitch<SIZE> * sizeof(bf16);

/** context <- softmax(q k^T scale) v; logSums: log of each query's sum of exp(scores). */
template <int SIZE>
__global__ void __launch_bounds__(kTileWarps *kWarp)
    attendTiles(const bf16 *qkv, bf16 *context, float *logSums, HeadShape shape, Rope tables) {
  bf16 *shared = sharedMemory<bf16>();
  constexpr int tile = kKeys * kPitch<SIZE>;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, first = blockIdx.x * kOwners;
  const HeadPlace at(shape, blockIdx.z, blockIdx.y);
  const Rope rope = tables.of(shape.positions, blockIdx.z, shape.size);
  const bf16 *q = qkv + at.qkv, *k = q + shape.width(), *v = k + shape.width();

  uint32_t a[SIZE / 16][4];
  bringRows<SIZE, kOwners>(shared, q, shape.stride, first, shape);
  endGroup();
  finishCopies<0>();
  turnTile<SIZE, kOwners>(shared, first, shape, rope);
  __syncthreads();
  takeRows<SIZE>(a, shared + warp * 16 * kPitch<SIZE>);
  __syncthreads();

  const auto bring = [&](int stage, int from) {
    bringRows<SIZE, kKeys>(shared + 2 * stage * tile, k, shape.stride, from, shape);
    bringRows<SIZE, kKeys>(shared + (2 * stage + 1) * tile, v, shape.stride, from, shape);
    endGroup();
  };
  const float factor = shape.scale * kLog2e;
  float sums[SIZE / 8][4] = {}, top[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  bring(0, 0);
  int stage = 0;
  for (int key = 0; key < shape.positions; key += kKeys, stage ^= 1) {
    if (key + kKeys < shape.positions) {
      bring(stage ^ 1, key + kKeys);
      finishCopies<1>();
    } else {
      finishCopies<0>();
    }
    turnTile<SIZE, kKeys>(shared + 2 * stage * tile, key, shape, rope);
    __syncthreads();
    float s[kKeys / 8][4];
    multiplyRows<SIZE, kKeys>(s, a, shared + 2 * stage * tile);
    if (key + kKeys > shape.positions) {
#pragma unroll
      for (int n = 0; n < kKeys / 8; n++)
#pragma unroll
        for (int i = 0; i < 4; i++)
          if (key + 8 * n + 2 * (lane % 4) + i % 2 >= shape.positions) s[n][i] = -INFINITY;
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = -INFINITY;
#pragma unroll
      for (int n = 0; n < kKeys / 8; n++) most = fmaxf(most, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
      const float newTop = fmaxf(top[half], rowMax(most)), shrink = exp2f((top[half] - newTop) * factor);
      float sum = 0;
#pragma unroll
      for (int n = 0; n < kKeys / 8; n++)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; i++) sum += s[n][i] = exp2f((s[n][i] - newTop) * factor);
      total[half] = total[half] * shrink + sum; // of this lane; summed over the row's lanes at the end
      top[half] = newTop;
#pragma unroll
      for (int n = 0; n < SIZE / 8; n++) sums[n][2 * half] *= shrink, sums[n][2 * half + 1] *= shrink;
    }
    addProduct<SIZE, kKeys>(sums, s, shared + (2 * stage + 1) * tile);
    __syncthreads(); // the next round overwrites this stage
  }
  const float all[2] = {rowSum(total[0]), rowSum(total[1])};
  const int row = first + warp * 16 + lane / 4;
  giveRows<SIZE>(context + at.context, shape.contextStride, row, sums, 1.0f / all[0], 1.0f / all[1], shape);
  if (lane % 4 == 0)
    for (int half = 0; half < 2; half++)
      if (row + 8 * half < shape.positions) logSums[at.sums + row + 8 * half] = top[half] * shape.scale + logf(all[half]);
}

constexpr int kPartners = 32;
/** Both tiles of partners, of which the owners' come first, and the queries' sums. */
template <int SIZE> constexpr size_t kBackBytes = 2 * kOwners * kPitch<SIZE> * sizeof(bf16) + 2 * kPartners * sizeof(float);

/** dq, or (KEYS) dk and dv, of every position. d: gradients in the layout of qkv. */
template <int SIZE, bool KEYS>
__global__ void __launch_bounds__(kTileWarps *kWarp)
    attendTilesBack(const bf16 *qkv, const bf16 *dContext, const float *logSums, const float *inner, bf16 *d, HeadShape shape,
                    Rope tables) {
  bf16 *shared = sharedMemory<bf16>();
  bf16 *second = shared + kOwners * kPitch<SIZE>;
  float *logs = reinterpret_cast<float *>(second + kOwners * kPitch<SIZE>), *inners = logs + kPartners;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, first = blockIdx.x * kOwners;
  const int row = first + warp * 16 + lane / 4;
  const HeadPlace at(shape, blockIdx.z, blockIdx.y);
  const Rope rope = tables.of(shape.positions, blockIdx.z, shape.size);
  const bf16 *q = qkv + at.qkv, *k = q + shape.width(), *v = k + shape.width(), *g = dContext + at.context;
  const float factor = shape.scale * kLog2e;

  // Scores are products of the first pair, their gradients of the second: owners' rows in registers, partners' in tiles.
  uint32_t a[SIZE / 16][4], b[SIZE / 16][4];
  bringRows<SIZE, kOwners>(shared, KEYS ? k : q, shape.stride, first, shape);
  bringRows<SIZE, kOwners>(second, KEYS ? v : g, KEYS ? shape.stride : shape.contextStride, first, shape);
  endGroup();
  finishCopies<0>();
  turnTile<SIZE, kOwners>(shared, first, shape, rope);
  __syncthreads();
  takeRows<SIZE>(a, shared + warp * 16 * kPitch<SIZE>);
  takeRows<SIZE>(b, second + warp * 16 * kPitch<SIZE>);
  float ownLog[2] = {0, 0}, ownInner[2] = {0, 0};
  if (!KEYS)
    for (int half = 0; half < 2; half++)
      if (row + 8 * half < shape.positions) {
        ownLog[half] = logSums[at.sums + row + 8 * half];
        ownInner[half] = inner[at.sums + row + 8 * half];
      }

  float sums[SIZE / 8][4] = {}, more[KEYS ? SIZE / 8 : 1][4] = {};
  for (int from = 0; from < shape.positions; from += kPartners) {
    __syncthreads(); // whoever still reads the tiles before
    bringRows<SIZE, kPartners>(shared, KEYS ? q : k, shape.stride, from, shape);
    bringRows<SIZE, kPartners>(second, KEYS ? g : v, KEYS ? shape.contextStride : shape.stride, from, shape);
    endGroup();
    if (KEYS && threadIdx.x < kPartners) {
      const bool inside = from + static_cast<int>(threadIdx.x) < shape.positions;
      logs[threadIdx.x] = inside ? logSums[at.sums + from + threadIdx.x] : 0;
      inners[threadIdx.x] = inside ? inner[at.sums + from + threadIdx.x] : 0;
    }
    finishCopies<0>();
    turnTile<SIZE, kPartners>(shared, from, shape, rope);
    __syncthreads();
    float s[kPartners / 8][4], w[kPartners / 8][4];
    multiplyRows<SIZE, kPartners>(s, a, shared);
    multiplyRows<SIZE, kPartners>(w, b, second);
#pragma unroll
    for (int n = 0; n < kPartners / 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int partner = 8 * n + 2 * (lane % 4) + i % 2;
        const float log = KEYS ? logs[partner] : ownLog[i / 2], taken = KEYS ? inners[partner] : ownInner[i / 2];
        const float weight = from + partner < shape.positions ? exp2f(s[n][i] * factor - log * kLog2e) : 0.0f;
        w[n][i] = weight * (w[n][i] - taken) * shape.scale;
        s[n][i] = weight;
      }
    addProduct<SIZE, kPartners>(sums, w, shared);
    if constexpr (KEYS) addProduct<SIZE, kPartners>(more, s, second);
  }
  bf16 *out = d + at.qkv + (KEYS ? shape.width() : 0);
  if (rope.cos == nullptr) {
    giveRows<SIZE>(out, shape.stride, row, sums, 1, 1, shape);
  } else {
    __syncthreads(); // whoever still reads the tiles
    giveRowsBack<SIZE>(out, shape.stride, first + warp * 16, sums, shared + warp * 16 * kPitch<SIZE>, shape, rope);
  }
  if constexpr (KEYS) giveRows<SIZE>(out + shape.width(), shape.stride, row, more, 1, 1, shape);
}

} // namespace trmesh
