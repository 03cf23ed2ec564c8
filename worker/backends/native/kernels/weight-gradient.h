// Gradients of weights: dW[out][in] += dY^T X, summed over rows (samples and positions) in an order that is a function of the
// shapes alone. Both operands are packed for the whole block first, then every tile of dW is one task.
#pragma once
#include "pool.h"
#include "products.h"

namespace trmesh {

/** Rows [0, rows) of dW, `columns` wide, that lie together; several follow each other along dY's columns. */
struct GradientPiece {
  float *into;
  long rows;
};

template <class P> class WeightGradient {
  typedef typename P::Elem Elem;

public:
  explicit WeightGradient(Pool &pool) : pool_(pool) {}

  /** dY [rows][dyStride], X [rows][padded columns]; dY's columns are those of `pieces` in order. */
  void add(const Elem *dY, long dyStride, const Elem *x, long rows, long columns, const std::vector<GradientPiece> &pieces) {
    long out = 0;
    for (const GradientPiece &piece : pieces) out += piece.rows;
    const long deep = unitsOf<P>(rows), height = roundUp(out, P::NR), panels = padded<P>(columns) / P::NR;
    uint32_t *turned = turned_.take<uint32_t>((height + kSpareRows) * deep);
    uint32_t *packed = packed_.take<uint32_t>(panels * P::NR * deep);
    uint32_t *pairs = pairs_.take<uint32_t>(pool_.threads() * deep * P::NR);
    pool_.run(height / P::NR + panels, [&](long i, int thread) {
      if (i < panels) return packColumnsAsLanes<P>(x + i * P::NR, padded<P>(columns), rows, packed + i * P::NR * deep);
      const long first = (i - panels) * P::NR;
      uint32_t *scratch = pairs + thread * deep * P::NR;
      packColumnsAsLanes<P>(dY + first, dyStride, rows, scratch);
      turn(scratch, deep, turned + first * deep);
    });
    const Panels right{packed, deep, panels};
    std::vector<Task> tasks;
    long first = 0;
    for (const GradientPiece &piece : pieces) {
      for (long r = 0; r < piece.rows; r += kTaskRows)
        tasks.push_back({first + r, std::min(kTaskRows, piece.rows - r), piece.into + r * columns});
      first += piece.rows;
    }
    pool_.run(static_cast<long>(tasks.size()), [&](long i, int) {
      const Task &task = tasks[i];
      multiply<P>(reinterpret_cast<const Elem *>(turned + task.first * deep), deep * P::perUnit, task.rows, right, 0, panels,
                  [&](long r, int count, long p, const float *c) { addTile(c, count, p * P::NR, columns, task.into + r * columns); });
    });
  }

  /** c [count][NR] is added to rows of `columns` floats, from column `at` on. */
  static void addTile(const float *c, int count, long at, long columns, float *into) {
    constexpr int W = P::W;
    for (int i = 0; i < count; i++)
      for (long l = 0; l < P::NR; l += W) {
        float *out = into + i * columns + at + l;
        const float *from = c + i * P::NR + l;
        if (at + l + W <= columns) storeAs(out, loadAs<VF<W>>(out) + loadAs<VF<W>>(from));
        else
          for (long d = at + l; d < columns; d++) out[d - at - l] += from[d - at - l];
      }
  }

private:
  struct Task {
    long first;
    long rows;
    float *into;
  };
  static constexpr long kTaskRows = P::MR * (P::MR == 32 ? 2 : 8);

  /** A panel [units][NR] to NR rows of units. */
  static void turn(const uint32_t *panel, long deep, uint32_t *rows) {
    constexpr int W = P::W;
    for (long lane = 0; lane < P::NR; lane += W) {
      long u = 0;
      for (; u + W <= deep; u += W) {
        VU<W> block[W];
        for (int i = 0; i < W; i++) block[i] = loadAs<VU<W>>(panel + (u + i) * P::NR + lane);
        transposeBlock<W>(block);
        for (int i = 0; i < W; i++) storeAs(rows + (lane + i) * deep + u, block[i]);
      }
      for (; u < deep; u++)
        for (int i = 0; i < W; i++) rows[(lane + i) * deep + u] = panel[u * P::NR + lane + i];
    }
  }

  Pool &pool_;
  Memory turned_, packed_, pairs_;
};

} // namespace trmesh
