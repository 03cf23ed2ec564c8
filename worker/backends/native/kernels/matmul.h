// A plain matrix product, for ops that are not fused: c = a b for every batch, either operand stored transposed or not.
#pragma once
#include <type_traits>
#include "pool.h"
#include "products.h"

namespace trmesh {

/** Operands are f32; they are multiplied as numbers of P. */
template <class P> class MatMul {
  typedef typename P::Elem Elem;

public:
  void run(Pool &pool, const float *a, const float *b, float *c, long batch, long m, long k, long n, bool flipA, bool flipB,
           bool sameB) {
    const long stride = padded<P>(k), panels = divideUp(n, P::NR), deep = unitsOf<P>(k), spare = P::NR * padded<P>(k);
    Elem *left = left_.take<Elem>((m + kSpareRows) * stride);
    uint32_t *right = right_.take<uint32_t>(panels * P::NR * deep);
    Elem *blocks = blocks_.take<Elem>(pool.threads() * spare);
    for (long i = 0; i < batch; i++, a += m * k, b += sameB ? 0 : k * n, c += m * n) {
      pool.run(divideUp(m, kRows), [&](long task, int) {
        for (long r = task * kRows; r < std::min(m, (task + 1) * kRows); r++) {
          if (!flipA) convertRow<P>(a + r * k, k, left + r * stride, stride);
          else
            for (long j = 0; j < stride; j++) left[r * stride + j] = j < k ? P::from(a[j * m + r]) : Elem{};
        }
      });
      if (!sameB || i == 0)
        pool.run(panels, [&](long p, int thread) {
          const long first = p * P::NR, here = std::min(static_cast<long>(P::NR), n - first);
          packPanel(b, k, n, first, here, flipB, blocks + thread * spare, right + p * deep * P::NR);
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
  static constexpr bool kAsStored = std::is_same<P, Wide<P::W, false>>::value;

  /** Columns [first, first + here) of b, or rows where it is stored transposed, as lanes. */
  static void packPanel(const float *b, long k, long n, long first, long here, bool flip, Elem *block, uint32_t *out) {
    if constexpr (kAsStored) {
      if (flip) return packRowsAsLanes<P>(b + first * k, k, here, k, out);
      if (here == P::NR) return packColumnsAsLanes<P>(b + first, n, k, out);
    }
    if (flip) {
      const long stride = padded<P>(k);
      for (long l = 0; l < here; l++) convertRow<P>(b + (first + l) * k, k, block + l * stride, stride);
      return packRowsAsLanes<P>(block, stride, here, k, out);
    }
    for (long r = 0; r < k; r++) convertRow<P>(b + r * n + first, here, block + r * P::NR, P::NR);
    packColumnsAsLanes<P>(block, P::NR, k, out);
  }

  Memory left_, right_, blocks_;
};

} // namespace trmesh
