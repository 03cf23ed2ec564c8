// What happens to rows between products: the injection, the residual with its RMS norm over channels, and its way back (spec
// 1.4). A warp works on a row; its lanes take eight channels at a time.
#pragma once
#include "device.h"

namespace trmesh {

/** Where row (sample, position) of tensors lies inside a pass: sample after sample, or (MLP mixer) position after position. */
struct RowOrder {
  int samples;
  int positions;
  bool byPosition;
  __device__ long inside(long row) const {
    return byPosition ? row % positions * samples + row / positions : row;
  }
};

/** x <- h + injection, or h where injection is null; f32 rows of `columns` to rows of a pass. */
template <class T>
__global__ void enterRows(const float *h, const float *injection, T *x, RowOrder order, int columns) {
  const long chunks = columns / 8, items = static_cast<long>(order.samples) * order.positions * chunks;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / chunks, column = i % chunks * 8;
    float v[8], w[8];
    load<8>(h + row * columns + column, v);
    if (injection != nullptr) {
      load<8>(injection + row * columns + column, w);
#pragma unroll
      for (int e = 0; e < 8; e++) v[e] += w[e];
    }
    store<8>(x + order.inside(row) * columns + column, v);
  }
}

/** Rows of a pass to f32 rows. */
template <class T> __global__ void leaveRows(const T *x, float *y, RowOrder order, int columns) {
  const long chunks = columns / 8, items = static_cast<long>(order.samples) * order.positions * chunks;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / chunks, column = i % chunks * 8;
    float v[8];
    load<8>(x + order.inside(row) * columns + column, v);
    store<8>(y + row * columns + column, v);
  }
}

constexpr int kRowsPerBlock = 4;

/** y <- s rsqrt(mean(s^2) + eps) with s = x + product; y may be the product. `scales` (rows): the rsqrt, unless null. */
template <class T, int CHUNKS>
__global__ void normRows(const T *product, const T *x, T *y, long rows, int columns, float eps, float *scales) {
  const int lane = threadIdx.x % kWarp;
  const long row = static_cast<long>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp;
  if (row >= rows) return;
  float s[CHUNKS][8];
  float squares = 0;
#pragma unroll
  for (int i = 0; i < CHUNKS; i++) {
    const int column = (i * kWarp + lane) * 8;
    if (column >= columns) continue;
    float p[8];
    load<8>(product + row * columns + column, p);
    load<8>(x + row * columns + column, s[i]);
#pragma unroll
    for (int e = 0; e < 8; e++) {
      s[i][e] = rounded<T>(s[i][e] + p[e]);
      squares += s[i][e] * s[i][e];
    }
  }
  const float scale = 1.0f / sqrtf(warpSum(squares) / static_cast<float>(columns) + eps);
#pragma unroll
  for (int i = 0; i < CHUNKS; i++) {
    const int column = (i * kWarp + lane) * 8;
    if (column >= columns) continue;
#pragma unroll
    for (int e = 0; e < 8; e++) s[i][e] *= scale;
    store<8>(y + row * columns + column, s[i]);
  }
  if (scales != nullptr && lane == 0) scales[row] = scale;
}

/** ds <- r (dy - y mean(y dy)); ds may be dy. */
template <class T, int CHUNKS>
__global__ void normRowsBack(const T *y, const float *scales, const T *dy, T *ds, long rows, int columns) {
  const int lane = threadIdx.x % kWarp;
  const long row = static_cast<long>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp;
  if (row >= rows) return;
  float out[CHUNKS][8], d[CHUNKS][8];
  float products = 0;
#pragma unroll
  for (int i = 0; i < CHUNKS; i++) {
    const int column = (i * kWarp + lane) * 8;
    if (column >= columns) continue;
    load<8>(y + row * columns + column, out[i]);
    load<8>(dy + row * columns + column, d[i]);
#pragma unroll
    for (int e = 0; e < 8; e++) products += out[i][e] * d[i][e];
  }
  const float mean = warpSum(products) / static_cast<float>(columns), scale = scales[row];
#pragma unroll
  for (int i = 0; i < CHUNKS; i++) {
    const int column = (i * kWarp + lane) * 8;
    if (column >= columns) continue;
#pragma unroll
    for (int e = 0; e < 8; e++) d[i][e] = (d[i][e] - out[i][e] * mean) * scale;
    store<8>(ds + row * columns + column, d[i]);
  }
}

inline Launch overRows(long rows) {
  return {dim3(static_cast<unsigned>(divideUp(rows, kRowsPerBlock))), dim3(kRowsPerBlock * kWarp), 0};
}

/** Widest rows that a warp keeps in registers. */
constexpr int kMostColumns = 8 * 8 * kWarp;

/** The kernels whose lanes keep enough chunks. */
template <class T> auto normRowsFor(long columns) -> decltype(&normRows<T, 1>) {
  const long chunks = divideUp(columns, 8 * kWarp);
  return chunks <= 1 ? normRows<T, 1> : chunks <= 2 ? normRows<T, 2> : chunks <= 4 ? normRows<T, 4> : normRows<T, 8>;
}
template <class T> auto normRowsBackFor(long columns) -> decltype(&normRowsBack<T, 1>) {
  const long chunks = divideUp(columns, 8 * kWarp);
  return chunks <= 1 ? normRowsBack<T, 1> : chunks <= 2 ? normRowsBack<T, 2> : chunks <= 4 ? normRowsBack<T, 4> : normRowsBack<T, 8>;
}

} // namespace trmesh
