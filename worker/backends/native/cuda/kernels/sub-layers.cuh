// Sub-layers that are no part of the fused pass, on whole f32 arrays of any width: the short convolution over positions with SiLU,
// gated norm, residual norm, the activation of SwiGLU, and positions in reverse. Definitions: worker/ops. Every sum has an order that
// is a function of the shapes alone.
#pragma once
#include "rows.cuh"
#include "swiglu.cuh"

namespace trmesh {

constexpr int kMostTaps = 8;

__device__ __forceinline__ float silu(float x) { return x * sigmoid(x); }
/** Of SiLU. */
__device__ __forceinline__ float slope(float x) {
  const float s = sigmoid(x), y = x * s;
  return s + y - y * s;
}

/** Rows are positions, sample after sample. */
struct ConvShape {
  long rows;
  long positions;
  long columns;
  long taps;
};

/** y <- silu(a), a <- bias + sum_k taps_k x_(t-K+1+k). */
[[maybe_unused]] static __global__ void convolve(const float *x, const float *taps, const float *bias, float *y, float *a, ConvShape at) {
  for (long i = firstItem(); i < at.rows * at.columns; i += itemStep()) {
    const long column = i % at.columns, t = i / at.columns % at.positions;
    float sum = bias[column];
    for (long k = 0; k < at.taps; k++)
      if (t - at.taps + 1 + k >= 0) sum += taps[column * at.taps + k] * x[i - (at.taps - 1 - k) * at.columns];
    a[i] = sum;
    y[i] = silu(sum);
  }
}

/** dx_t <- sum_j taps_(K-1-j) da_(t+j), da = dy silu'(a). */
[[maybe_unused]] static __global__ void convolveBack(const float *a, const float *taps, const float *dy, float *dx, ConvShape at) {
  for (long i = firstItem(); i < at.rows * at.columns; i += itemStep()) {
    const long column = i % at.columns, t = i / at.columns % at.positions;
    float sum = 0;
    for (long j = 0; j < at.taps; j++) {
      if (t + j >= at.positions) break;
      const long later = i + j * at.columns;
      sum += taps[column * at.taps + at.taps - 1 - j] * dy[later] * slope(a[later]);
    }
    dx[i] = sum;
  }
}

/** What a row adds to the gradients of a column's taps and, last, of its bias. */
struct ConvTerms {
  static constexpr int kMost = kMostTaps + 1;
  const float *x, *a, *dy;
  ConvShape at;
  __device__ void add(long row, long column, float (&sums)[kMost]) const {
    const long i = row * at.columns + column, t = row % at.positions;
    const float da = dy[i] * slope(a[i]);
#pragma unroll
    for (int k = 0; k < kMostTaps; k++)
      if (k < at.taps && t - at.taps + 1 + k >= 0) sums[k] += da * x[i - (at.taps - 1 - k) * at.columns];
    sums[kMostTaps] += da;
  }
};

/** What a row adds to the gradient of a column's gain. */
struct GainTerms {
  static constexpr int kMost = 1;
  const float *v, *z, *scales, *dy;
  long columns;
  __device__ void add(long row, long column, float (&sums)[kMost]) const {
    const long i = row * columns + column;
    sums[0] += dy[i] * v[i] * silu(z[i]) * scales[row];
  }
};

constexpr int kSumWarps = 8;
constexpr int kRowsPerSum = 256;

/** parts [part][Terms::kMost][columns]: sums over the rows of a part; a lane has a column, warps every eighth row. */
template <class Terms> __global__ void columnSums(Terms terms, long rows, long columns, float *parts) {
  float *partial = sharedMemory<float>();
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const long column = static_cast<long>(blockIdx.x) * kWarp + lane, first = static_cast<long>(blockIdx.y) * kRowsPerSum;
  const long last = first + kRowsPerSum < rows ? first + kRowsPerSum : rows;
  float sums[Terms::kMost] = {};
  for (long row = first + warp; column < columns && row < last; row += kSumWarps) terms.add(row, column, sums);
#pragma unroll
  for (int q = 0; q < Terms::kMost; q++) partial[(q * kSumWarps + warp) * kWarp + lane] = sums[q];
  __syncthreads();
  if (column >= columns) return;
  for (int q = warp; q < Terms::kMost; q += kSumWarps) {
    float sum = 0;
    for (int w = 0; w < kSumWarps; w++) sum += partial[(q * kSumWarps + w) * kWarp + lane];
    parts[(static_cast<long>(blockIdx.y) * Terms::kMost + q) * columns + column] = sum;
  }
}

/** into [column * count + q] += the sum over parts of [part][first + q][column], in order; q < count of `each`. */
[[maybe_unused]] static __global__ void addColumnSums(const float *parts, long number, long each, long first, long count, long columns,
                                                      float *into) {
  for (long i = firstItem(); i < count * columns; i += itemStep()) {
    const long q = i / columns, column = i % columns;
    float sum = 0;
    for (long part = 0; part < number; part++) sum += parts[(part * each + first + q) * columns + column];
    into[column * count + q] += sum;
  }
}

/** The row of this warp, and the sum over its columns of term(index). */
struct WarpRow {
  long row, from;
  int lane;
  __device__ WarpRow(long columns)
      : row(static_cast<long>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp), from(row * columns), lane(threadIdx.x % kWarp) {}
  template <class Term> __device__ float sum(long columns, const Term &term) const {
    float total = 0;
    for (long c = lane; c < columns; c += kWarp) total += term(c, from + c);
    return warpSum(total);
  }
  template <class Body> __device__ void each(long columns, const Body &body) const {
    for (long c = lane; c < columns; c += kWarp) body(c, from + c);
  }
};

/** y <- gain g r with g = v silu(z), r = rsqrt(mean(g^2) + eps). */
[[maybe_unused]] static __global__ void gateRows(const float *v, const float *z, const float *gain, float *y, float *scales, long rows,
                                                 long columns, float eps) {
  const WarpRow at(columns);
  if (at.row >= rows) return;
  const float squares = at.sum(columns, [&](long, long i) {
    const float g = v[i] * silu(z[i]);
    return g * g;
  });
  const float scale = 1.0f / sqrtf(squares / static_cast<float>(columns) + eps);
  at.each(columns, [&](long c, long i) { y[i] = v[i] * silu(z[i]) * scale * gain[c]; });
  if (at.lane == 0) scales[at.row] = scale;
}

/** dv, dz from dy. */
[[maybe_unused]] static __global__ void gateRowsBack(const float *v, const float *z, const float *gain, const float *scales,
                                                     const float *dy, float *dv, float *dz, long rows, long columns) {
  const WarpRow at(columns);
  if (at.row >= rows) return;
  const float scale = scales[at.row];
  const float products = at.sum(columns, [&](long c, long i) { return v[i] * silu(z[i]) * dy[i] * gain[c]; });
  const float mean = products * scale / static_cast<float>(columns);
  at.each(columns, [&](long c, long i) {
    const float open = silu(z[i]), dg = (dy[i] * gain[c] - v[i] * open * (scale * mean)) * scale;
    dv[i] = dg * open;
    dz[i] = dg * v[i] * slope(z[i]);
  });
}

/** y <- s r with s = a + b, r = rsqrt(mean(s^2) + eps). */
[[maybe_unused]] static __global__ void addNormRows(const float *a, const float *b, float *y, float *scales, long rows, long columns,
                                                    float eps) {
  const WarpRow at(columns);
  if (at.row >= rows) return;
  const float squares = at.sum(columns, [&](long, long i) { return (a[i] + b[i]) * (a[i] + b[i]); });
  const float scale = 1.0f / sqrtf(squares / static_cast<float>(columns) + eps);
  at.each(columns, [&](long, long i) { y[i] = (a[i] + b[i]) * scale; });
  if (at.lane == 0) scales[at.row] = scale;
}

/** ds <- r (dy - y mean(y dy)). */
[[maybe_unused]] static __global__ void addNormRowsBack(const float *y, const float *scales, const float *dy, float *ds, long rows,
                                                        long columns) {
  const WarpRow at(columns);
  if (at.row >= rows) return;
  const float mean = at.sum(columns, [&](long, long i) { return y[i] * dy[i]; }) / static_cast<float>(columns);
  at.each(columns, [&](long, long i) { ds[i] = (dy[i] - y[i] * mean) * scales[at.row]; });
}

/** y <- silu(gate) up. */
[[maybe_unused]] static __global__ void activateFlat(const float *gates, const float *ups, float *y, long count) {
  for (long i = firstItem(); i < count; i += itemStep()) y[i] = silu(gates[i]) * ups[i];
}
[[maybe_unused]] static __global__ void activateFlatBack(const float *gates, const float *ups, const float *dy, float *dGates, float *dUps,
                                                         long count) {
  for (long i = firstItem(); i < count; i += itemStep()) {
    dUps[i] = dy[i] * silu(gates[i]);
    dGates[i] = dy[i] * ups[i] * slope(gates[i]);
  }
}

/** Rows of every sample in reverse. */
[[maybe_unused]] static __global__ void reverseRows(const float *x, float *y, long rows, long positions, long columns) {
  for (long i = firstItem(); i < rows * columns; i += itemStep()) {
    const long row = i / columns, t = row % positions;
    y[(row - t + positions - 1 - t) * columns + i % columns] = x[i];
  }
}

} // namespace trmesh
