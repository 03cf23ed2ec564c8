// Attention without matrix instructions, for f32: a warp an owner row (a query or a key), its lanes 32 partners at a time, and for
// the sums over partners two or more channels each. Heads of up to 128 channels.
#pragma once
#include "attention.h"

namespace trmesh {

constexpr int kPlainWarps = 4;
/** Channels a lane sums: 4 x 32. */
constexpr int kPlainParts = 4;

template <class T> __device__ __forceinline__ float dot(const T *a, const T *b, int size) {
  float sum = 0;
  for (int d = 0; d < size; d++) sum += widen(a[d]) * widen(b[d]);
  return sum;
}

/** sums[i] += weight of lane l times row first + l, channel i * 32 + lane, over the `count` partners. */
template <class T>
__device__ __forceinline__ void addRows(float (&sums)[kPlainParts], float weight, const T *rows, long stride, int count, int size) {
  const int lane = threadIdx.x % kWarp;
  for (int l = 0; l < count; l++) {
    const float w = __shfl_sync(kAll, weight, l);
#pragma unroll
    for (int i = 0; i < kPlainParts; i++)
      if (i * kWarp + lane < size) sums[i] += w * widen(rows[l * stride + i * kWarp + lane]);
  }
}

template <class T> __device__ __forceinline__ void writeRow(T *row, const float (&sums)[kPlainParts], float factor, int size) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int i = 0; i < kPlainParts; i++)
    if (i * kWarp + lane < size) row[i * kWarp + lane] = narrow<T>(sums[i] * factor);
}

/** context <- softmax(q k^T scale) v; logSums: log of each query's sum of exp(scores). */
template <class T> __global__ void attendPlain(const T *qkv, T *context, float *logSums, HeadShape shape) {
  const int lane = threadIdx.x % kWarp, query = blockIdx.x * kPlainWarps + threadIdx.x / kWarp;
  if (query >= shape.positions) return;
  const HeadPlace at(shape, blockIdx.z, blockIdx.y);
  const T *q = qkv + at.qkv, *k = q + shape.width(), *v = k + shape.width();
  float top = -INFINITY, total = 0, sums[kPlainParts] = {};
  for (int first = 0; first < shape.positions; first += kWarp) {
    const int count = shape.positions - first < kWarp ? shape.positions - first : kWarp;
    const float score = lane < count ? dot(q + query * shape.stride, k + (first + lane) * shape.stride, shape.size) * shape.scale
                                     : -INFINITY;
    const float newTop = fmaxf(top, warpMax(score)), shrink = expf(top - newTop);
    const float weight = expf(score - newTop);
    total = total * shrink + warpSum(weight);
#pragma unroll
    for (int i = 0; i < kPlainParts; i++) sums[i] *= shrink;
    addRows(sums, rounded<T>(weight), v + first * shape.stride, shape.stride, count, shape.size);
    top = newTop;
  }
  writeRow(context + at.context + query * shape.contextStride, sums, 1.0f / total, shape.size);
  if (lane == 0) logSums[at.sums + query] = top + logf(total);
}

/** dq, or (KEYS) dk and dv, of every position. d: gradients in the layout of qkv. */
template <class T, bool KEYS>
__global__ void attendPlainBack(const T *qkv, const T *dContext, const float *logSums, const float *inner, T *d, HeadShape shape) {
  const int lane = threadIdx.x % kWarp, own = blockIdx.x * kPlainWarps + threadIdx.x / kWarp;
  if (own >= shape.positions) return;
  const HeadPlace at(shape, blockIdx.z, blockIdx.y);
  const T *q = qkv + at.qkv, *k = q + shape.width(), *v = k + shape.width(), *g = dContext + at.context;
  float sums[kPlainParts] = {}, more[kPlainParts] = {};
  for (int first = 0; first < shape.positions; first += kWarp) {
    const int count = shape.positions - first < kWarp ? shape.positions - first : kWarp;
    float weight = 0, back = 0;
    if (lane < count) {
      const int query = KEYS ? first + lane : own, key = KEYS ? own : first + lane;
      const float score = dot(q + query * shape.stride, k + key * shape.stride, shape.size) * shape.scale;
      weight = expf(score - logSums[at.sums + query]);
      const float through = dot(g + query * shape.contextStride, v + key * shape.stride, shape.size);
      back = weight * (through - inner[at.sums + query]) * shape.scale;
    }
    const T *partners = (KEYS ? q : k) + first * shape.stride;
    addRows(sums, rounded<T>(back), partners, shape.stride, count, shape.size);
    if (KEYS) addRows(more, rounded<T>(weight), g + first * shape.contextStride, shape.contextStride, count, shape.size);
  }
  T *out = d + at.qkv + own * shape.stride + (KEYS ? shape.width() : 0);
  writeRow(out, sums, 1.0f, shape.size);
  if (KEYS) writeRow(out + shape.width(), more, 1.0f, shape.size);
}

inline Launch overOwners(const HeadShape &shape, int owners, int threads, size_t shared) {
  return {dim3(static_cast<unsigned>(divideUp(shape.positions, owners)), static_cast<unsigned>(shape.heads),
               static_cast<unsigned>(shape.samples)),
          dim3(static_cast<unsigned>(threads)), shared};
}

} // namespace trmesh
