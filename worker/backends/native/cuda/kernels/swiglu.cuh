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
};

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/** act (rows, width) <- silu(gate) up. */
template <class T> __global__ void activate(const T *gates, T *act, GateLayout at) {
  const long chunks = at.width / 8, items = at.rows * chunks;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / chunks, column = i % chunks * 8;
    const T *gate = gates + row * at.stride + column;
    float g[8], u[8];
    load<8>(gate, g);
    load<8>(gate + at.up, u);
#pragma unroll
    for (int e = 0; e < 8; e++) u[e] *= rounded<T>(g[e] * sigmoid(g[e]));
    store<8>(act + row * at.width + column, u);
  }
}

/** From d(act), in `act`: d(gate) and d(up) in the layout of gates and ups, and act again over its gradient. */
template <class T> __global__ void activateBack(const T *gates, T *dGates, T *act, GateLayout at) {
  const long chunks = at.width / 8, items = at.rows * chunks;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / chunks, column = i % chunks * 8, from = row * at.stride + column;
    T *own = act + row * at.width + column;
    float g[8], u[8], d[8];
    load<8>(gates + from, g);
    load<8>(gates + from + at.up, u);
    load<8>(own, d);
#pragma unroll
    for (int e = 0; e < 8; e++) {
      const float s = sigmoid(g[e]), silu = g[e] * s;
      const float dUp = d[e] * silu, dGate = d[e] * u[e] * (s + silu - silu * s);
      d[e] = rounded<T>(silu) * u[e];
      u[e] = dUp;
      g[e] = dGate;
    }
    store<8>(dGates + from, g);
    store<8>(dGates + from + at.up, u);
    store<8>(own, d);
  }
}

} // namespace trmesh
