// The ground that the stages of a pass stand on: threads, their scratch, and how rows are cut into tasks.
#pragma once
#include "network.h"

namespace trmesh {

template <class P> struct Stages {
  explicit Stages(Pool &threads) : pool(threads), own(threads.threads()) {}

  Pool &pool;
  /** Scratch of each thread. */
  std::vector<Memory> own;

  /** Rows per task: enough to reuse a panel, few enough that every thread gets several. Changes no bit of any row. */
  long chunkOf(long rows) const {
    const long fair = roundUp(divideUp(rows, 4L * pool.threads()), P::MR);
    return std::clamp(fair, static_cast<long>(P::MR), static_cast<long>(P::rowChunk));
  }
  template <class Body> void overRows(const NetworkShape &shape, long batch, const Body &body) {
    overRange(batch * shape.positions, body);
  }
  template <class Body> void overRange(long rows, const Body &body) {
    const long chunk = chunkOf(rows);
    pool.run(divideUp(rows, chunk), [&](long i, int thread) {
      body(i * chunk, std::min(chunk, rows - i * chunk), thread);
    });
  }
  /** Scratch of this thread, cut by `Cut(carver, shape)`. */
  template <class Cut, class Shape> Cut scratch(int thread, const Shape &shape) {
    Carver measure(nullptr);
    const Cut ignored(measure, shape);
    Carver carver(own[thread].template take<char>(measure.used()));
    return Cut(carver, shape);
  }
  static HeadShape headOf(const NetworkShape &shape) {
    const long size = shape.hidden / shape.heads;
    return {shape.positions, size, 1.0f / std::sqrt(static_cast<float>(size))};
  }
};

} // namespace trmesh
