// The norm inside SwiGLU (arXiv 2601.19085): sigmoid(g) RMSNorm(g u) = r silu(g) u, with r = rsqrt(mean((g u)^2) + eps) of the row.
// Without a gain r is one number per row, and the projection down is linear: forward scales what it gives; backward scales what
// comes to it, after which all is as in plain SwiGLU, but for the way through r. Sums are of NR lanes: rows of activations add
// them up, in the MLP mixer every lane is a row of its own.
#pragma once
#include <cmath>
#include "products.h"

namespace trmesh {

template <class P> struct InnerNorm {
  typedef typename P::Elem Elem;
  static constexpr int W = P::W;

  /** sums [NR] += (gate up)^2 of one tile's row. */
  static void addSquares(const float *gate, const float *up, float *sums) {
    for (int c = 0; c < P::NR; c += W) {
      const VF<W> product = P::rounded(loadAs<VF<W>>(gate + c)) * P::rounded(loadAs<VF<W>>(up + c));
      storeAs(sums + c, loadAs<VF<W>>(sums + c) + product * product);
    }
  }

  /** sums [NR] += d(act) act of one tile's row. */
  static void addProducts(const float *dAct, const Elem *act, float *sums) {
    for (int c = 0; c < P::NR; c += W)
      storeAs(sums + c, loadAs<VF<W>>(sums + c) + P::rounded(loadAs<VF<W>>(dAct + c)) * P::load(act + c));
  }

  static float total(const float *sums) {
    VF<W> all = splat<W>(0);
    for (int c = 0; c < P::NR; c += W) all += loadAs<VF<W>>(sums + c);
    return sum<W>(all);
  }

  static float scaleOf(float squares, long width, float eps) { return 1.0f / std::sqrt(squares / static_cast<float>(width) + eps); }

  /** What the gradient of g u takes per g u through r; `products` of the scaled d(act), so that r is in it once. */
  static VF<W> slide(VF<W> products, VF<W> scale, long width) { return products * scale * scale / -static_cast<float>(width); }

  /** One tile's row of d(gate) and d(up): adds the way through r. slide [NR] per lane. */
  static void addSlide(const Elem *gates, const Elem *ups, const float *slide, Elem *dGate, Elem *dUp) {
    for (int c = 0; c < P::NR; c += W) {
      const VF<W> g = P::load(gates + c), u = P::load(ups + c), dProduct = loadAs<VF<W>>(slide + c) * g * u;
      P::store(dGate + c, P::load(dGate + c) + dProduct * u);
      P::store(dUp + c, P::load(dUp + c) + dProduct * g);
    }
  }
};

/** out <- x of each row times its scale; `width` columns, padding included. */
template <class P>
void scaleRows(const typename P::Elem *x, const float *scales, long rows, long width, typename P::Elem *out) {
  for (long r = 0; r < rows; r++)
    for (long c = 0; c < width; c += P::W) P::store(out + r * width + c, P::load(x + r * width + c) * scales[r]);
}

} // namespace trmesh
