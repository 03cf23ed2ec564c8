// Rows by index: the embedding lookup and the carry, and the gradient of an embedding table, summed in a fixed order.
#pragma once
#include "device.h"

namespace trmesh {

/** out (count, width) <- rows `index` of table. */
[[maybe_unused]] static __global__ void gatherRows(const float *table, const int *index, float *out, long count, long width) {
  for (long i = firstItem(); i < count * width; i += itemStep()) {
    const long row = i / width;
    out[i] = table[index[row] * width + (i - row * width)];
  }
}

/** Rows of a batch whose gradients one block adds, and channels it takes. */
constexpr int kRowsPerPart = 512;
constexpr int kTableColumns = 64;

/** parts (part, vocab, width): sums of dy (count, width) by token over the rows of a part. A thread has a channel of its own. */
[[maybe_unused]] static __global__ void sumByToken(const float *dy, const int *tokens, float *parts, long count, int vocab, long width) {
  float *sums = sharedMemory<float>();
  const long column = static_cast<long>(blockIdx.x) * kTableColumns + threadIdx.x;
  if (column >= width) return;
  for (int t = 0; t < vocab; t++) sums[t * kTableColumns + threadIdx.x] = 0;
  const long first = static_cast<long>(blockIdx.y) * kRowsPerPart;
  const long last = first + kRowsPerPart < count ? first + kRowsPerPart : count;
  for (long row = first; row < last; row++) sums[tokens[row] * kTableColumns + threadIdx.x] += dy[row * width + column];
  for (int t = 0; t < vocab; t++) parts[(blockIdx.y * static_cast<long>(vocab) + t) * width + column] = sums[t * kTableColumns + threadIdx.x];
}

/** out[i] <- the sum over parts of parts[part][i], in order. */
[[maybe_unused]] static __global__ void sumParts(const float *parts, float *out, long count, int size) {
  for (long i = firstItem(); i < size; i += itemStep()) {
    float sum = 0;
    for (long part = 0; part < count; part++) sum += parts[part * size + i];
    out[i] = sum;
  }
}

} // namespace trmesh
