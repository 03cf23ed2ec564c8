// The residual and its RMS norm over positions (MLP mixer, spec 1.4), and its way back. Rows are positions, columns the channels
// of all samples; rows [positions, padded) are zero and stay so. A block takes 64 columns: lanes two each, warps every eighth row.
#pragma once
#include "device.h"

namespace trmesh {

constexpr int kColumnWarps = 8;
constexpr int kColumnsPerBlock = 2 * kWarp;

/** Sums of both columns over the block's warps, in the order of the warps. `partial`: [kColumnWarps][kColumnsPerBlock]. */
__device__ __forceinline__ void sumOverWarps(float *partial, int warp, int lane, float (&sums)[2]) {
  partial[warp * kColumnsPerBlock + 2 * lane] = sums[0];
  partial[warp * kColumnsPerBlock + 2 * lane + 1] = sums[1];
  __syncthreads();
  sums[0] = sums[1] = 0;
#pragma unroll
  for (int w = 0; w < kColumnWarps; w++) {
    sums[0] += partial[w * kColumnsPerBlock + 2 * lane];
    sums[1] += partial[w * kColumnsPerBlock + 2 * lane + 1];
  }
}

/** y <- s rsqrt(mean(s^2) + eps) with s = x + product; y may be the product. `scales` (columns): the rsqrt, unless null. */
template <class T>
__global__ void normColumns(const T *product, const T *x, T *y, int positions, int padded, long columns, float eps,
                            float *scales) {
  float *partial = sharedMemory<float>();
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const long column = static_cast<long>(blockIdx.x) * kColumnsPerBlock + 2 * lane;
  const bool inside = column < columns;
  float squares[2] = {0, 0};
  for (int s = warp; inside && s < positions; s += kColumnWarps) {
    float p[2], v[2];
    load<2>(product + s * columns + column, p);
    load<2>(x + s * columns + column, v);
#pragma unroll
    for (int e = 0; e < 2; e++) {
      v[e] = rounded<T>(v[e] + p[e]);
      squares[e] += v[e] * v[e];
    }
    store<2>(y + s * columns + column, v);
  }
  sumOverWarps(partial, warp, lane, squares);
  if (!inside) return;
  const float count = static_cast<float>(positions);
  const float scale[2] = {1.0f / sqrtf(squares[0] / count + eps), 1.0f / sqrtf(squares[1] / count + eps)};
  for (int s = warp; s < padded; s += kColumnWarps) {
    float v[2] = {0, 0};
    if (s < positions) {
      load<2>(y + s * columns + column, v);
      v[0] *= scale[0], v[1] *= scale[1];
    }
    store<2>(y + s * columns + column, v);
  }
  if (scales != nullptr && warp == 0) store<2>(scales + column, scale);
}

/** ds <- r (dy - y mean(y dy)); ds may be dy. */
template <class T>
__global__ void normColumnsBack(const T *y, const float *scales, const T *dy, T *ds, int positions, int padded, long columns) {
  float *partial = sharedMemory<float>();
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const long column = static_cast<long>(blockIdx.x) * kColumnsPerBlock + 2 * lane;
  const bool inside = column < columns;
  float products[2] = {0, 0};
  for (int s = warp; inside && s < positions; s += kColumnWarps) {
    float v[2], d[2];
    load<2>(y + s * columns + column, v);
    load<2>(dy + s * columns + column, d);
    products[0] += v[0] * d[0], products[1] += v[1] * d[1];
  }
  sumOverWarps(partial, warp, lane, products);
  if (!inside) return;
  const float count = static_cast<float>(positions);
  float scale[2];
  load<2>(scales + column, scale);
  for (int s = warp; s < padded; s += kColumnWarps) {
    float v[2], d[2] = {0, 0};
    if (s < positions) {
      load<2>(y + s * columns + column, v);
      load<2>(dy + s * columns + column, d);
#pragma unroll
      for (int e = 0; e < 2; e++) d[e] = (d[e] - v[e] * (products[e] / count)) * scale[e];
    }
    store<2>(ds + s * columns + column, d);
  }
}

inline Launch overColumns(long columns) {
  return {dim3(static_cast<unsigned>(divideUp(columns, kColumnsPerBlock))), dim3(kColumnWarps * kWarp),
          kColumnWarps * kColumnsPerBlock * sizeof(float)};
}

} // namespace trmesh
