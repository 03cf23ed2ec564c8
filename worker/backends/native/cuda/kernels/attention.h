// Attention of all heads of all samples (spec 1.4): what its kernels are told. No score matrix reaches memory; softmax in f32.
#pragma once
#include "device.h"

namespace trmesh {

constexpr int kMostHeadSize = 128;

struct HeadShape {
  int samples;
  int positions;
  int heads;
  /** Channels of a head. */
  int size;
  /** Elements from one position to the next: of q, k and v (which lie `heads * size` apart), and of the context. */
  long stride;
  long contextStride;
  /** 1 / sqrt(size). */
  float scale;

  __device__ long width() const { return static_cast<long>(heads) * size; }
};

/** Where one head of one sample begins. Sums over positions have (sample, head, position) order. */
struct HeadPlace {
  long qkv;
  long context;
  long sums;
  __device__ HeadPlace(const HeadShape &shape, int sample, int head)
      : qkv(sample * static_cast<long>(shape.positions) * shape.stride + static_cast<long>(head) * shape.size),
        context(sample * static_cast<long>(shape.positions) * shape.contextStride + static_cast<long>(head) * shape.size),
        sums((static_cast<long>(sample) * shape.heads + head) * shape.positions) {}
};

/** inner (sample, head, position) <- sum over the head's channels of context dContext: what softmax takes back. */
template <class T>
__global__ void attendInner(const T *context, const T *dContext, float *inner, HeadShape shape) {
  const long rows = static_cast<long>(shape.samples) * shape.positions, items = rows * shape.heads;
  for (long i = firstItem(); i < items; i += itemStep()) {
    const long row = i / shape.heads;
    const int head = static_cast<int>(i % shape.heads);
    const long at = row * shape.contextStride + static_cast<long>(head) * shape.size;
    float sum = 0;
    int d = 0;
    if (shape.size % 8 == 0)
      for (; d < shape.size; d += 8) {
        float o[8], g[8];
        load<8>(context + at + d, o);
        load<8>(dContext + at + d, g);
#pragma unroll
        for (int e = 0; e < 8; e++) sum += o[e] * g[e];
      }
    for (; d < shape.size; d++) sum += widen(context[at + d]) * widen(dContext[at + d]);
    inner[(row / shape.positions * shape.heads + head) * shape.positions + row % shape.positions] = sum;
  }
}

} // namespace trmesh
