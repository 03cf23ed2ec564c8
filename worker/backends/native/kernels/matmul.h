// A plain f32 matrix product, for the ops of the library that are not fused: c = a b for every batch, either operand stored
// transposed or not.
#pragma once
#include "pool.h"
#include "products.h"

namespace trmesh {

template <class P> class MatMul {
public:
  void run(Pool &pool, const float *a, const float *b, float *c, long batch, long m, long k, long n, bool flipA, bool flipB,
           bool sameB) {
    const long stride = padded<P>(k), panels = divideUp(n, P::NR), deep = unitsOf<P>(k);
    float *left = left_.take<float>((m + kSpareRows) * stride);
    uint32_t *right = right_.take<uint32_t>(panels * P::NR * deep);
    float *padding = padding_.take<float>(pool.threads() * deep * P::NR);
    for (long i = 0; i < batch; i++, a += m * k, b += sameB ? 0 : k * n, c += m * n) {
      pool.run(divideUp(m, kRows), [&](long task, int) {
        for (long r = task * kRows; r < std::min(m, (task + 1) * kRows); r++) {
          if (!flipA) std::memcpy(left + r * stride, a + r * k, k * sizeof(float));
          else
            for (long j = 0; j < k; j++) left[r * stride + j] = a[j * m + r];
        }
      });
      if (!sameB || i == 0)
        pool.run(panels, [&](long p, int thread) {
          uint32_t *out = right + p * deep * P::NR;
          const long first = p * P::NR, here = std::min(static_cast<long>(P::NR), n - first);
          if (flipB) return packRowsAsLanes<P>(b + first * k, k, here, k, out);
          if (here == P::NR) return packColumnsAsLanes<P>(b + first, n, k, out);
          float *block = padding + thread * deep * P::NR;
          for (long r = 0; r < k; r++)
            for (long l = 0; l < P::NR; l++) block[r * P::NR + l] = l < here ? b[r * n + first + l] : 0.0f;
          packColumnsAsLanes<P>(block, P::NR, k, out);
        });
      const Panels operand{right, deep, panels};
      pool.run(divideUp(m, kRows), [&](long task, int) {
        const long first = task * kRows;
        multiply<P>(left + first * stride, stride, std::min(kRows, m - first), operand, 0, panels,
                    [&](long r, int count, long p, const float *tile) {
                      for (int t = 0; t < count; t++)
                        std::memcpy(c + (first + r + t) * n + p * P::NR, tile + t * P::NR,
                                    std::min(static_cast<long>(P::NR), n - p * P::NR) * sizeof(float));
                    });
      });
    }
  }

private:
  static constexpr long kRows = 8 * P::MR;
  Memory left_, right_, padding_;
};

} // namespace trmesh
