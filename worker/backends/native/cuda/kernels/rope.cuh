// Rotary position embedding (spec 1.5) of queries and keys in place: channel j of a head turns with j + half. Direction -1 turns
// back: the way of gradients.
#pragma once
#include "device.h"

namespace trmesh {

/**
 * cos and sin (rows, size) as in worker/ops/rope.ts, sin with the sign of the rotated half: a row per position, or, where samples
 * stand at positions of their own, per position of every sample. Null: no rotation.
 */
struct Rope {
  const float *cos;
  const float *sin;
  long rows;
};

/** The first 2 * heads heads of every row, N pairs at a time. */
template <class T, int N>
__global__ void turnRows(T *qkv, long rows, int heads, int size, long stride, Rope rope, float direction) {
  const int half = size / 2, chunks = half / N;
  const long perRow = 2L * heads * chunks, items = rows * perRow;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / perRow;
    const int inRow = static_cast<int>(i % perRow), head = inRow / chunks, j = inRow % chunks * N;
    T *x = qkv + row * stride + static_cast<long>(head) * size + j;
    const long at = row % rope.rows * size + j;
    if constexpr (N == 1) {
      const float low = widen(x[0]), high = widen(x[half]), c = rope.cos[at], s = direction * rope.sin[at + half];
      x[0] = narrow<T>(low * c - high * s);
      x[half] = narrow<T>(high * c + low * s);
    } else {
      float low[N], high[N], c[N], s[N];
      load<N>(x, low);
      load<N>(x + half, high);
      load<N>(rope.cos + at, c);
      load<N>(rope.sin + at + half, s);
#pragma unroll
      for (int e = 0; e < N; e++) {
        const float turned = low[e] * c[e] - high[e] * direction * s[e];
        high[e] = high[e] * c[e] + low[e] * direction * s[e];
        low[e] = turned;
      }
      store<N>(x, low);
      store<N>(x + half, high);
    }
  }
}

template <class T>
void turn(Stream stream, T *qkv, long rows, long heads, long size, long stride, Rope rope, float direction) {
  if (rope.cos == nullptr) return;
  const bool wide = size % 16 == 0;
  run(stream, overItems(rows * heads * size / (wide ? 8 : 1)), wide ? turnRows<T, 8> : turnRows<T, 1>, qkv, rows, heads, size,
      stride, rope, direction);
}

} // namespace trmesh
