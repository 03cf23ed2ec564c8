// Rotary position embedding (spec 1.5) of queries and keys: channel j of a head turns with j + half. Direction -1 turns back: the
// way of gradients. The kernels on matrix instructions turn what they have brought (attention-tiles.cuh); for the plain ones rows
// are turned in place by a pass of their own.
#pragma once
#include "attention.h"

namespace trmesh {

/**
 * cos and sin (rows, size) as in worker/ops/rope.ts, sin with the sign of the rotated half: a row per position, or, where samples
 * stand at positions of their own, per position of every sample. Null: no rotation.
 */
struct Rope {
  const float *cos;
  const float *sin;
  long rows;

  /** The rows of one sample's positions. */
  __device__ __forceinline__ Rope of(int positions, int sample, int size) const {
    if (cos == nullptr || rows == positions) return *this;
    const long from = static_cast<long>(sample) * positions * size;
    return {cos + from, sin + from, positions};
  }
};

/** N channels and their partners, to another place or to the same; `at`: the first in the tables. */
template <int N, class T>
__device__ __forceinline__ void turnPair(const T *fromLow, const T *fromHigh, T *toLow, T *toHigh, const Rope &rope, long at, int half,
                                         float direction) {
  if constexpr (N == 1) {
    const float low = widen(*fromLow), high = widen(*fromHigh), c = rope.cos[at], s = direction * rope.sin[at + half];
    *toLow = narrow<T>(low * c - high * s);
    *toHigh = narrow<T>(high * c + low * s);
  } else {
    float low[N], high[N], c[N], s[N];
    load<N>(fromLow, low);
    load<N>(fromHigh, high);
    load<N>(rope.cos + at, c);
    load<N>(rope.sin + at + half, s);
#pragma unroll
    for (int e = 0; e < N; e++) {
      const float turned = low[e] * c[e] - high[e] * direction * s[e];
      high[e] = high[e] * c[e] + low[e] * direction * s[e];
      low[e] = turned;
    }
    store<N>(toLow, low);
    store<N>(toHigh, high);
  }
}

/** The first 2 * heads heads of every row, in place, N pairs at a time. */
template <class T, int N>
__global__ void turnRows(T *qkv, long rows, int heads, int size, long stride, Rope rope, float direction) {
  const int half = size / 2, chunks = half / N;
  const long perRow = 2L * heads * chunks, items = rows * perRow;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / perRow;
    const int inRow = static_cast<int>(i % perRow), head = inRow / chunks, j = inRow % chunks * N;
    T *x = qkv + row * stride + static_cast<long>(head) * size + j;
    turnPair<N>(x, x + half, x, x + half, rope, row % rope.rows * size + j, half, direction);
  }
}

template <class T> void turn(Stream stream, T *qkv, const HeadShape &shape, const Rope &rope, float direction) {
  if (rope.cos == nullptr) return;
  const long rows = static_cast<long>(shape.samples) * shape.positions;
  const bool wide = shape.size % 16 == 0;
  run(stream, overItems(rows * shape.heads * shape.size / (wide ? 8 : 1)), wide ? turnRows<T, 8> : turnRows<T, 1>, qkv, rows,
      shape.heads, shape.size, shape.stride, rope, direction);
}

} // namespace trmesh
