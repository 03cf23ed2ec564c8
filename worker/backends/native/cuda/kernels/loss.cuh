// The loss head (spec 2) where the logits are: stablemax cross-entropy of every cell in f64 as in worker/ops/stablemax.ts, what is
// right, and the gradient of both heads. A block takes a row; sums go over its threads in a fixed tree.
#pragma once
#include "device.h"

namespace trmesh {

constexpr int kLossThreads = 128;

/** Shapes of the loss head. out: (rows, positions, vocab + 2), cells from position `first` on; q are the last two columns. */
struct LossShape {
  int rows;
  int positions;
  int first;
  int vocab;
  int ignored;
  /** 1 / slots of the global batch. */
  double weight;
  double haltBias;
  double continueBias;
};

/** What is told of a row: its loss divided by its valid cells, how many are valid, how many of those are right. */
struct RowFacts {
  double loss, valid, right;
};

__device__ __forceinline__ double stable(double x) { return x >= 0 ? x + 1 : 1 / (1 - x + 1e-30); }
__device__ __forceinline__ double slopeOf(double x) { return x >= 0 ? 1 : 1 / ((1 - x) * (1 - x)); }

/** The block's sum, in every thread. `room`: a double a thread. */
__device__ __forceinline__ double blockSum(double *room, double mine) {
  __syncthreads();
  room[threadIdx.x] = mine;
  __syncthreads();
  for (int step = kLossThreads / 2; step > 0; step /= 2) {
    if (static_cast<int>(threadIdx.x) < step) room[threadIdx.x] += room[threadIdx.x + step];
    __syncthreads();
  }
  return room[0];
}

/** targets (rows): where q_continue learns, or null. facts (rows); dOut as `out`, every element written. */
[[maybe_unused]] static __global__ void rowLosses(const float *out, const int *labels, const double *targets, LossShape shape, RowFacts *facts,
                                 float *dOut) {
  double *room = sharedMemory<double>();
  const int cells = shape.positions - shape.first, columns = shape.vocab + 2;
  const long row = blockIdx.x, from = row * shape.positions * columns;
  double counted = 0;
  for (int cell = threadIdx.x; cell < cells; cell += kLossThreads) counted += labels[row * cells + cell] != shape.ignored;
  const double valid = blockSum(room, counted), divisor = valid > 1 ? valid : 1, weight = shape.weight / divisor;
  double loss = 0, correct = 0;
  for (int position = threadIdx.x; position < shape.positions; position += kLossThreads) {
    const float *x = out + from + static_cast<long>(position) * columns;
    float *d = dOut + from + static_cast<long>(position) * columns;
    d[shape.vocab] = d[shape.vocab + 1] = 0;
    const int cell = position - shape.first, label = cell < 0 ? shape.ignored : labels[row * cells + cell];
    if (label == shape.ignored) {
      for (int i = 0; i < shape.vocab; i++) d[i] = 0;
      continue;
    }
    double sum = 0;
    int best = 0;
    for (int i = 0; i < shape.vocab; i++) {
      sum += stable(x[i]);
      if (x[i] > x[best]) best = i;
    }
    for (int i = 0; i < shape.vocab; i++) d[i] = static_cast<float>(weight * slopeOf(x[i]) / sum);
    const double at = x[label];
    d[label] = static_cast<float>(weight * (slopeOf(at) / sum - slopeOf(at) / stable(at)));
    loss += -log(stable(at) / sum) / divisor;
    correct += best == label;
  }
  const double all = blockSum(room, loss), right = blockSum(room, correct);
  if (threadIdx.x != 0) return;
  facts[row] = {all, valid, right};
  const auto slope = [&](int column, double bias, double target) {
    const double q = static_cast<float>(static_cast<double>(out[from + column]) + bias);
    dOut[from + column] = static_cast<float>(shape.weight * 0.5 * (1 / (1 + exp(-q)) - target));
  };
  slope(shape.vocab, shape.haltBias, right == valid ? 1 : 0);
  if (targets != nullptr) slope(shape.vocab + 1, shape.continueBias, targets[row]);
}

} // namespace trmesh
