// The activation of SwiGLU (spec 1.4) on finished tiles: silu(gate) * up, and its way back. Gate and up tiles come from two
// products with the same rows; their panels lie one after the other in one operand: gate 0, up 0, gate 1, up 1, ...
#pragma once
#include "normed-swiglu.h"

namespace trmesh {

template <class P> struct Activation {
  typedef typename P::Elem Elem;
  static constexpr int W = P::W;

  /** act <- silu(gate) up, both rounded to activation precision first; kept in `gates` and `ups` unless they are null. */
  static void forward(const float *gate, const float *up, Elem *act, Elem *gates, Elem *ups) {
    for (int c = 0; c < P::NR; c += W) {
      const VF<W> g = P::rounded(loadAs<VF<W>>(gate + c)), u = P::rounded(loadAs<VF<W>>(up + c));
      P::store(act + c, P::rounded(g * P::sigmoid(g)) * u);
      if (gates != nullptr) {
        P::store(gates + c, g);
        P::store(ups + c, u);
      }
    }
  }

  /** From d(act): d(gate) and d(up), and act again, which the gradient of the down projection needs. */
  static void backward(const float *dAct, const Elem *gates, const Elem *ups, Elem *dGate, Elem *dUp, Elem *act) {
    for (int c = 0; c < P::NR; c += W) {
      const VF<W> d = P::rounded(loadAs<VF<W>>(dAct + c)), g = P::load(gates + c), u = P::load(ups + c);
      const VF<W> s = P::sigmoid(g), silu = g * s;
      P::store(act + c, P::rounded(silu) * u);
      P::store(dUp + c, d * silu);
      P::store(dGate + c, d * u * (s + silu - silu * s));
    }
  }
};

/**
 * Rows x [rows][stride] through gate and up: act [rows][padded F], and gates and ups with `keptStride` unless null. Unless null,
 * squares [rows][NR] are those of gate times up.
 */
template <class P>
void gateUpRows(const typename P::Elem *x, long stride, long rows, const Panels &gateUp, typename P::Elem *act, long actStride,
                typename P::Elem *gates, typename P::Elem *ups, long keptStride, float *squares) {
  if (squares != nullptr) std::fill_n(squares, rows * P::NR, 0.0f);
  alignas(64) float gate[P::MR * P::NR], up[P::MR * P::NR];
  for (long p = 0; p < gateUp.panels; p += 2)
    for (long r = 0; r < rows; r += P::MR) {
      const int here = static_cast<int>(std::min(rows - r, static_cast<long>(P::MR)));
      const uint32_t *a = units(x + r * stride);
      tile<P>(a, stride / P::perUnit, here, gateUp.panel<P>(p), gateUp.units, gate, P::NR);
      tile<P>(a, stride / P::perUnit, here, gateUp.panel<P>(p + 1), gateUp.units, up, P::NR);
      const long column = p / 2 * P::NR;
      for (int i = 0; i < here; i++) {
        const long kept = (r + i) * keptStride + column;
        Activation<P>::forward(gate + i * P::NR, up + i * P::NR, act + (r + i) * actStride + column,
                               gates == nullptr ? nullptr : gates + kept, ups == nullptr ? nullptr : ups + kept);
        if (squares != nullptr) InnerNorm<P>::addSquares(gate + i * P::NR, up + i * P::NR, squares + (r + i) * P::NR);
      }
    }
}

/** y <- residual + x W^T over rows, in activation precision, each row of the product times its scale unless null; y may be the residual. */
template <class P>
void projectOnto(const typename P::Elem *x, long stride, long rows, const Panels &w, const typename P::Elem *residual,
                 typename P::Elem *y, long yStride, const float *scales = nullptr) {
  constexpr int W = P::W;
  multiply<P>(x, stride, rows, w, 0, w.panels, [&](long r, int count, long p, const float *c) {
    for (int i = 0; i < count; i++) {
      const float scale = scales == nullptr ? 1.0f : scales[r + i];
      for (int l = 0; l < P::NR; l += W) {
        const long at = (r + i) * yStride + p * P::NR + l;
        VF<W> v = P::rounded(loadAs<VF<W>>(c + i * P::NR + l) * scale);
        if (residual != nullptr) v += P::load(residual + at);
        P::store(y + at, v);
      }
    }
  });
}

} // namespace trmesh
