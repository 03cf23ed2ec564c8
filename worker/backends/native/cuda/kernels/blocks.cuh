// Blocks of matrices: cast and padded (weights, packed once per step), copied, added to another, summed, scaled.
#pragma once
#include "device.h"

namespace trmesh {

/** to (outRows, outColumns) <- from (rows, columns; `stride` apart), zeros elsewhere. */
template <class T>
__global__ void packBlock(const float *from, long rows, long columns, long stride, T *to, long outRows, long outColumns) {
  for (long i = firstItem(); i < outRows * outColumns; i += itemStep()) {
    const long row = i / outColumns, column = i % outColumns;
    to[i] = narrow<T>(row < rows && column < columns ? from[row * stride + column] : 0.0f);
  }
}

/** to (rows, columns; toStride apart) += from. */
[[maybe_unused]] static __global__ void addBlock(const float *from, long fromStride, float *to, long toStride, long rows, long columns) {
  for (long i = firstItem(); i < rows * columns; i += itemStep()) {
    const long row = i / columns, column = i % columns;
    to[row * toStride + column] += from[row * fromStride + column];
  }
}
/** to <- from. */
[[maybe_unused]] static __global__ void moveBlock(const float *from, long fromStride, float *to, long toStride, long rows, long columns) {
  for (long i = firstItem(); i < rows * columns; i += itemStep()) {
    const long row = i / columns, column = i % columns;
    to[row * toStride + column] = from[row * fromStride + column];
  }
}

[[maybe_unused]] static __global__ void addArrays(const float *a, const float *b, float *out, long count) {
  for (long i = firstItem(); i < count; i += itemStep()) out[i] = a[i] + b[i];
}
[[maybe_unused]] static __global__ void scaleArray(const float *a, float factor, float *out, long count) {
  for (long i = firstItem(); i < count; i += itemStep()) out[i] = a[i] * factor;
}

} // namespace trmesh
