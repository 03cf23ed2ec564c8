// The norm inside SwiGLU (arXiv 2601.19085): sigmoid(g) RMSNorm(g u) = r silu(g) u, with r = rsqrt(mean((g u)^2) + eps) of a unit: a
// row of SwiGLU over channels, a column of the MLP mixer's. What flows back through r is `slide` g u: slide = -r^3 mean(d(act) silu(g) u).
#pragma once
#include "columns.cuh"
#include "rows.cuh"
#include "swiglu.cuh"

namespace trmesh {

/** What a unit sums of N neighbours: (g u)^2, or (BACK) d(act) silu(g) u. */
template <class T, bool BACK, int N>
__device__ __forceinline__ void innerTerms(const T *gates, const T *act, const GateLayout &at, long row, long column, float (&terms)[N]) {
  const T *gate = gates + row * at.stride + column;
  float g[N], u[N], d[N] = {};
  load<N>(gate, g);
  load<N>(gate + at.up, u);
  if constexpr (BACK) load<N>(act + row * at.width + column, d);
#pragma unroll
  for (int e = 0; e < N; e++) terms[e] = BACK ? d[e] * rounded<T>(g[e] * sigmoid(g[e])) * u[e] : (g[e] * u[e]) * (g[e] * u[e]);
}
/** What becomes of a unit's sum: r, or (BACK) slide. */
template <bool BACK> __device__ __forceinline__ float innerResult(float sum, float count, float eps, float scale) {
  return BACK ? -(sum / count) * scale * scale * scale : 1.0f / sqrtf(sum / count + eps);
}

/** Of every row, a warp each. `act`: d(act), used with BACK alone. */
template <class T, bool BACK>
__global__ void innerRows(const T *gates, const T *act, GateLayout at, float eps, float *scales, float *slides) {
  const int lane = threadIdx.x % kWarp;
  const long row = static_cast<long>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kWarp;
  if (row >= at.rows) return;
  float sum = 0;
  for (long column = 8 * lane; column < at.width; column += 8 * kWarp) {
    float terms[8];
    innerTerms<T, BACK>(gates, act, at, row, column, terms);
#pragma unroll
    for (int e = 0; e < 8; e++) sum += terms[e];
  }
  sum = warpSum(sum);
  if (lane == 0) (BACK ? slides : scales)[row] = innerResult<BACK>(sum, static_cast<float>(at.width), eps, BACK ? scales[row] : 0.0f);
}

/** Of every column: a block takes 64, lanes two each, warps every eighth row. */
template <class T, bool BACK>
__global__ void innerColumns(const T *gates, const T *act, GateLayout at, float eps, float *scales, float *slides) {
  float *partial = sharedMemory<float>();
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const long column = static_cast<long>(blockIdx.x) * kColumnsPerBlock + 2 * lane;
  const bool inside = column < at.width;
  float sums[2] = {0, 0};
  for (long row = warp; inside && row < at.rows; row += kColumnWarps) {
    float terms[2];
    innerTerms<T, BACK>(gates, act, at, row, column, terms);
#pragma unroll
    for (int e = 0; e < 2; e++) sums[e] += terms[e];
  }
  sumOverWarps(partial, warp, lane, sums);
  if (!inside || warp != 0) return;
  float scale[2] = {};
  if constexpr (BACK) load<2>(scales + column, scale);
#pragma unroll
  for (int e = 0; e < 2; e++) sums[e] = innerResult<BACK>(sums[e], static_cast<float>(at.rows), eps, scale[e]);
  store<2>((BACK ? slides : scales) + column, sums);
}

/** scales <- r of every unit of these gates and ups. */
template <class T> void innerScales(Stream stream, const T *gates, const GateLayout &at, float eps, float *scales) {
  const T *none = nullptr;
  float *no = nullptr;
  if (at.byColumn) run(stream, overColumns(at.width), innerColumns<T, false>, gates, none, at, eps, scales, no);
  else run(stream, overRows(at.rows), innerRows<T, false>, gates, none, at, eps, scales, no);
}
/** slides <- of every unit, from d(act) and r. */
template <class T>
void innerSlides(Stream stream, const T *gates, const T *act, const GateLayout &at, float *scales, float *slides) {
  if (at.byColumn) run(stream, overColumns(at.width), innerColumns<T, true>, gates, act, at, 0.0f, scales, slides);
  else run(stream, overRows(at.rows), innerRows<T, true>, gates, act, at, 0.0f, scales, slides);
}

} // namespace trmesh
