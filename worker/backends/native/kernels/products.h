// Matrix products in tiles: operands brought into the order the inner kernels read, and the loops around them. What happens to
// a finished tile is the caller's business (`emit`), so that an activation, a residual or a norm costs no pass over memory.
#pragma once
#include <algorithm>
#include "memory.h"
#include "precision.h"

namespace trmesh {

inline const uint32_t *units(const void *p) { return static_cast<const uint32_t *>(p); }

/** A row of `elements`, padded to whole panels: they are whole units too. */
template <class P> constexpr long padded(long elements) { return roundUp(elements, P::NR); }
/** Units that hold `elements` of a summed axis. */
template <class P> constexpr long unitsOf(long elements) {
  return roundUp(divideUp(elements, P::perUnit), P::unitStep);
}

/** The right operand of a product: `panels` panels of [units][NR] units. */
struct Panels {
  const uint32_t *data;
  long units;
  long panels;
  template <class P> const uint32_t *panel(long i) const { return data + i * units * P::NR; }
};
template <class P> long panelUnits(long lanes, long summed) { return padded<P>(lanes) * unitsOf<P>(summed); }

/** One panel whose lanes are rows [0, lanes) of `src`, summed along its columns. `stride` in elements, a whole number of units. */
template <class P>
void packRowsAsLanes(const typename P::Elem *src, long stride, long lanes, long columns, uint32_t *out) {
  constexpr int W = P::W;
  const long whole = columns / P::perUnit, all = unitsOf<P>(columns);
  const uint32_t *from = units(src);
  const long step = stride / P::perUnit;
  for (long first = 0; first < P::NR; first += W) {
    const long here = std::clamp(lanes - first, 0L, static_cast<long>(W));
    long u = 0;
    for (; here > 0 && u + W <= whole; u += W) {
      VU<W> block[W];
      for (int i = 0; i < W; i++)
        block[i] = i < here ? loadAs<VU<W>>(from + (first + i) * step + u) : VU<W>{};
      transposeBlock<W>(block);
      for (int i = 0; i < W; i++) storeAs(out + (u + i) * P::NR + first, block[i]);
    }
    for (; u < all; u++)
      for (int i = 0; i < W; i++) {
        uint32_t unit = 0;
        if (i < here && u < whole) unit = from[(first + i) * step + u];
        else if (i < here && u * P::perUnit < columns) {
          // Half a unit is left: the other half is zero, whatever lies behind the row.
          std::memcpy(&unit, src + (first + i) * stride + u * P::perUnit, sizeof(typename P::Elem));
        }
        out[u * P::NR + first + i] = unit;
      }
  }
}

/** One panel whose lanes are columns [0, NR) of `src` (which has that many, padding included), summed along its rows. */
template <class P>
void packColumnsAsLanes(const typename P::Elem *src, long stride, long rows, uint32_t *out) {
  constexpr int W = P::W;
  const long all = unitsOf<P>(rows);
  for (long u = 0; u < all; u++, out += P::NR) {
    if constexpr (P::perUnit == 1) {
      for (int c = 0; c < P::NR; c += W)
        storeAs(out + c, u < rows ? loadAs<VU<W>>(src + u * stride + c) : VU<W>{});
    } else {
      for (int c = 0; c < P::NR; c += W) {
        const long row = 2 * u;
        const VU<W> low = row < rows ? __builtin_convertvector(loadAs<VH<W>>(src + row * stride + c), VU<W>) : VU<W>{};
        const VU<W> high =
            row + 1 < rows ? __builtin_convertvector(loadAs<VH<W>>(src + (row + 1) * stride + c), VU<W>) : VU<W>{};
        storeAs(out + c, low | (high << 16));
      }
    }
  }
}

/** A stored weight, f32 row-major: up to three matrices of equal size, one under the other. */
struct StoredWeight {
  const float *parts[3];
  long rowsEach;
  long columns;
  int count = 1;
  long rows() const { return rowsEach * count; }
  const float *row(long r) const { return parts[r / rowsEach] + r % rowsEach * columns; }
};

/** W columns of f32 at a time in activation precision, and zeros up to `width`. */
template <class P> void convertRow(const float *from, long columns, typename P::Elem *out, long width) {
  long c = 0;
  for (; c + P::W <= columns; c += P::W) P::store(out + c, loadAs<VF<P::W>>(from + c));
  for (; c < columns; c++) out[c] = P::from(from[c]);
  for (; c < width; c++) out[c] = typename P::Elem{};
}

/** One panel of y = x W^T: lanes are the rows [first, first + NR) of w, summed along its columns. */
template <class P> void packForward(const StoredWeight &w, long first, Memory &scratch, uint32_t *out) {
  const long stride = padded<P>(w.columns), here = std::min(w.rows() - first, static_cast<long>(P::NR));
  auto *block = scratch.take<typename P::Elem>(P::NR * stride);
  for (long i = 0; i < here; i++) convertRow<P>(w.row(first + i), w.columns, block + i * stride, stride);
  packRowsAsLanes<P>(block, stride, here, w.columns, out);
}

/** One panel of dx = dy W: lanes are the columns [first, first + NR) of w, summed along its rows. */
template <class P> void packBackward(const StoredWeight &w, long first, Memory &scratch, uint32_t *out) {
  const long here = std::min(w.columns - first, static_cast<long>(P::NR));
  auto *block = scratch.take<typename P::Elem>(w.rows() * P::NR);
  for (long r = 0; r < w.rows(); r++) convertRow<P>(w.row(r) + first, here, block + r * P::NR, P::NR);
  packColumnsAsLanes<P>(block, P::NR, w.rows(), out);
}

/** Row r of w, or of w transposed (`flip`), as a row of a left operand. */
template <class P> void packLeftRow(const StoredWeight &w, long r, bool flip, typename P::Elem *out) {
  const long width = flip ? w.rows() : w.columns, stride = padded<P>(width);
  if (!flip) return convertRow<P>(w.row(r), width, out, stride);
  for (long c = 0; c < width; c++) out[c] = P::from(w.row(c)[r]);
  for (long c = width; c < stride; c++) out[c] = typename P::Elem{};
}

/** C[rows][NR] for one panel, rows in the largest tiles there are. rows <= MR. */
template <class P> void tile(const uint32_t *a, long stride, int rows, const uint32_t *panel, long units, float *c, long ldc) {
  if constexpr (P::MR == 12) {
    switch (rows) {
      case 12: return P::template product<12>(a, stride, panel, units, c, ldc);
      case 11: return P::template product<11>(a, stride, panel, units, c, ldc);
      case 10: return P::template product<10>(a, stride, panel, units, c, ldc);
      case 9: return P::template product<9>(a, stride, panel, units, c, ldc);
      case 8: return P::template product<8>(a, stride, panel, units, c, ldc);
      case 7: return P::template product<7>(a, stride, panel, units, c, ldc);
    }
  }
  if constexpr (P::MR >= 6 && P::MR <= 12) {
    switch (rows) {
      case 6: return P::template product<6>(a, stride, panel, units, c, ldc);
      case 5: return P::template product<5>(a, stride, panel, units, c, ldc);
      case 4: return P::template product<4>(a, stride, panel, units, c, ldc);
      case 3: return P::template product<3>(a, stride, panel, units, c, ldc);
      case 2: return P::template product<2>(a, stride, panel, units, c, ldc);
      case 1: return P::template product<1>(a, stride, panel, units, c, ldc);
    }
  } else {
    P::product(a, stride, rows, panel, units, c, ldc);
  }
}

/**
 * A [rows][units] times panels [from, to): emit(row, count, panel, c) gets each finished tile, c [count][NR] f32. The panel
 * stays in the nearest cache while the rows pass by.
 */
template <class P, class Emit>
void multiply(const typename P::Elem *a, long stride, long rows, const Panels &b, long from, long to, const Emit &emit) {
  alignas(64) float c[P::MR * P::NR];
  for (long p = from; p < to; p++) {
    const uint32_t *panel = b.panel<P>(p);
    for (long r = 0; r < rows; r += P::MR) {
      const int here = static_cast<int>(std::min(rows - r, static_cast<long>(P::MR)));
      tile<P>(units(a + r * stride), stride / P::perUnit, here, panel, b.units, c, P::NR);
      emit(r, here, p, c);
    }
  }
}

} // namespace trmesh
