// The activation of SwiGLU (spec 1.4) between its products: silu(gate) * up, and its way back.
#pragma once
#include "device.h"

namespace trmesh {

/** Gates, ups and activations: `rows` rows of `width`; a row's ups lie `up` elements behind its gates, rows `stride` apart. */
struct GateLayout {
  long rows;
  long width;
  long stride;
  long up;
  /** What the norm inside scales is a column instead of a row. */
  bool byColumn;
};

/** The factor of eight neighbours, by row or by column; null: 1. */
__device__ __forceinline__ void factorsOf(const float *factors, const GateLayout &at, long row, long column, float (&f)[8]) {
  if (factors != nullptr && at.byColumn) return load<8>(factors + column, f);
  const float one = factors == nullptr ? 1.0f : factors[row];
#pragma unroll
  for (int e = 0; e < 8; e++) f[e] = one;
}

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/** act (rows, width) <- silu(gate) up, times the scales of a norm inside, unless null (normed-swiglu.cuh). */
template <class T> __global__ void activate(const T *gates, T *act, GateLayout at, const float *scales) {
  const long chunks = at.width / 8, items = at.rows * chunks;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / chunks, column = i % chunks * 8;
    const T *gate = gates + row * at.stride + column;
    float g[8], u[8], r[8];
    load<8>(gate, g);
    load<8>(gate + at.up, u);
    factorsOf(scales, at, row, column, r);
#pragma unroll
    for (int e = 0; e < 8; e++) u[e] *= rounded<T>(g[e] * sigmoid(g[e])) * r[e];
    store<8>(act + row * at.width + column, u);
  }
}

/** From d(act), in `act`: d(gate) and d(up) in the layout of gates and ups, and act again over its gradient. */
template <class T>
__global__ void activateBack(const T *gates, T *dGates, T *act, GateLayout at, const float *scales, const float *slides) {
  const long chunks = at.width / 8, items = at.rows * chunks;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / chunks, column = i % chunks * 8, from = row * at.stride + column;
    T *own = act + row * at.width + column;
    float g[8], u[8], d[8];
    load<8>(gates + from, g);
    load<8>(gates + from + at.up, u);
    load<8>(own, d);
    float r[8], slide[8] = {};
    factorsOf(scales, at, row, column, r);
    if (slides != nullptr) factorsOf(slides, at, row, column, slide);
#pragma unroll
    for (int e = 0; e < 8; e++) {
      const float s = sigmoid(g[e]), silu = g[e] * s, flow = d[e] * r[e], through = slide[e] * g[e] * u[e];
      const float dUp = flow * silu + through * g[e], dGate = flow * u[e] * (s + silu - silu * s) + through * u[e];
      d[e] = rounded<T>(silu) * u[e] * r[e];
      u[e] = dUp;
      g[e] = dGate;
    }
    store<8>(dGates + from, g);
    store<8>(dGates + from + at.up, u);
    store<8>(own, d);
  }
}

} // namespace trmesh
