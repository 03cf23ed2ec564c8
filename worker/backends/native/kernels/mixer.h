// The MLP mixer's SwiGLU over positions (spec 1.4): for every channel of a sample, with the norm over positions. Channels are the
// lanes, positions the rows: the weights are the left operand and nothing is ever transposed.
#pragma once
#include "network.h"

namespace trmesh {

/** Scratch of one thread for one panel of channels. */
template <class P> struct MixerScratch {
  typedef typename P::Elem Elem;
  uint32_t *pairs;
  Elem *act, *rows;
  float *gate, *up, *sums;

  MixerScratch(Carver &carver, const NetworkShape &shape) {
    const long G = shape.mixerInner, S = shape.positions;
    pairs = carver.take<uint32_t>(std::max(unitsOf<P>(2 * G), unitsOf<P>(S)) * P::NR);
    act = carver.take<Elem>((2 * G + kSpareRows) * P::NR);
    rows = carver.take<Elem>((S + kSpareRows) * P::NR);
    gate = carver.take<float>(P::MR * P::NR);
    up = carver.take<float>(P::MR * P::NR);
    sums = carver.take<float>((S + kSpareRows) * P::NR);
  }
};

/** x, y: the panel's first channel in rows of `stride`; y <- norm(x + SwiGLU(x)). Kept, unless null: gates and ups, scales. Normed: innerScales too. */
template <class P>
void mixPanel(const PackedLayer<P> &layer, const NetworkShape &shape, MixerScratch<P> &scratch, const typename P::Elem *x,
              long stride, typename P::Elem *y, typename P::Elem *gateUp, float *scales, float *innerScales) {
  constexpr int W = P::W;
  alignas(64) float inner[P::NR] = {};
  const long S = shape.positions, G = shape.mixerInner, deep = unitsOf<P>(S);
  const long left = padded<P>(S) / P::perUnit;
  packColumnsAsLanes<P>(x, stride, S, scratch.pairs);
  for (long r = 0; r < G; r += P::MR) {
    const int here = static_cast<int>(std::min(G - r, static_cast<long>(P::MR)));
    tile<P>(units(layer.mixerGateUp) + r * left, left, here, scratch.pairs, deep, scratch.gate, P::NR);
    tile<P>(units(layer.mixerGateUp) + (G + r) * left, left, here, scratch.pairs, deep, scratch.up, P::NR);
    for (int i = 0; i < here; i++) {
      Activation<P>::forward(scratch.gate + i * P::NR, scratch.up + i * P::NR, scratch.act + (r + i) * P::NR,
                             gateUp == nullptr ? nullptr : gateUp + (r + i) * stride,
                             gateUp == nullptr ? nullptr : gateUp + (G + r + i) * stride);
      if (shape.normed) InnerNorm<P>::addSquares(scratch.gate + i * P::NR, scratch.up + i * P::NR, inner);
    }
  }
  for (float &lane : inner) lane = shape.normed ? InnerNorm<P>::scaleOf(lane, G, shape.eps) : 1.0f;
  if (innerScales != nullptr) std::memcpy(innerScales, inner, sizeof inner);
  packColumnsAsLanes<P>(scratch.act, P::NR, G, scratch.pairs);
  const Panels act{scratch.pairs, unitsOf<P>(G), 1};
  VF<W> squares[2] = {splat<W>(0), splat<W>(0)};
  multiply<P>(static_cast<const typename P::Elem *>(layer.mixerDown), padded<P>(G), S, act, 0, 1,
              [&](long r, int count, long, const float *c) {
                for (int i = 0; i < count; i++)
                  for (int half = 0; half < 2; half++) {
                    const VF<W> v = P::rounded(P::rounded(loadAs<VF<W>>(c + i * P::NR + half * W) * loadAs<VF<W>>(inner + half * W)) +
                                               P::load(x + (r + i) * stride + half * W));
                    storeAs(scratch.sums + (r + i) * P::NR + half * W, v);
                    squares[half] += v * v;
                  }
              });
  alignas(64) float scale[P::NR];
  for (int l = 0; l < P::NR; l++)
    scale[l] = 1.0f / std::sqrt(squares[l / W][l % W] / static_cast<float>(S) + shape.eps);
  if (scales != nullptr) std::memcpy(scales, scale, sizeof scale);
  for (long s = 0; s < S; s++)
    for (int l = 0; l < P::NR; l += W)
      P::store(y + s * stride + l, loadAs<VF<W>>(scratch.sums + s * P::NR + l) * loadAs<VF<W>>(scale + l));
}

/**
 * From dy (in dh, overwritten by dx) back through norm and SwiGLU of one panel. y: what mixPanel wrote. Leaves what the
 * weights' gradients need in rows of `stride`: ds (S; normed: times innerScales), dGateUp (2F) and act (F).
 */
template <class P>
void mixPanelBack(const PackedLayer<P> &layer, const NetworkShape &shape, MixerScratch<P> &scratch, const typename P::Elem *y,
                  const float *scales, const float *innerScales, const typename P::Elem *gateUp, long stride, typename P::Elem *dh,
                  typename P::Elem *ds, typename P::Elem *dGateUp, typename P::Elem *act) {
  constexpr int W = P::W;
  const long S = shape.positions, G = shape.mixerInner;
  alignas(64) float slide[P::NR] = {};
  for (int l = 0; l < P::NR; l += W) {
    VF<W> inner = splat<W>(0);
    for (long s = 0; s < S; s++) inner += P::load(y + s * stride + l) * P::load(dh + s * stride + l);
    inner = inner / static_cast<float>(S);
    const VF<W> scale = loadAs<VF<W>>(scales + l);
    for (long s = 0; s < S; s++)
      P::store(dh + s * stride + l, (P::load(dh + s * stride + l) - P::load(y + s * stride + l) * inner) * scale);
    const VF<W> innerScale = shape.normed ? loadAs<VF<W>>(innerScales + l) : splat<W>(1);
    for (long s = 0; s < S; s++) P::store(ds + s * stride + l, P::load(dh + s * stride + l) * innerScale);
  }
  packColumnsAsLanes<P>(ds, stride, S, scratch.pairs);
  const Panels dRows{scratch.pairs, unitsOf<P>(S), 1};
  multiply<P>(static_cast<const typename P::Elem *>(layer.mixerDownBack), padded<P>(S), G, dRows, 0, 1,
              [&](long r, int count, long, const float *c) {
                for (int i = 0; i < count; i++) {
                  Activation<P>::backward(c + i * P::NR, gateUp + (r + i) * stride, gateUp + (G + r + i) * stride,
                                          dGateUp + (r + i) * stride, dGateUp + (G + r + i) * stride, act + (r + i) * stride);
                  if (shape.normed) InnerNorm<P>::addProducts(c + i * P::NR, act + (r + i) * stride, slide);
                }
              });
  if (shape.normed) {
    for (int l = 0; l < P::NR; l += W)
      storeAs(slide + l, InnerNorm<P>::slide(loadAs<VF<W>>(slide + l), loadAs<VF<W>>(innerScales + l), G));
    for (long r = 0; r < G; r++)
      InnerNorm<P>::addSlide(gateUp + r * stride, gateUp + (G + r) * stride, slide, dGateUp + r * stride, dGateUp + (G + r) * stride);
  }
  packColumnsAsLanes<P>(dGateUp, stride, 2 * G, scratch.pairs);
  const Panels dInner{scratch.pairs, unitsOf<P>(2 * G), 1};
  multiply<P>(static_cast<const typename P::Elem *>(layer.mixerGateUpBack), padded<P>(2 * G), S, dInner, 0, 1,
              [&](long r, int count, long, const float *c) {
                for (int i = 0; i < count; i++)
                  for (int l = 0; l < P::NR; l += W) {
                    const long at = (r + i) * stride + l;
                    P::store(dh + at, P::rounded(loadAs<VF<W>>(c + i * P::NR + l)) + P::load(dh + at));
                  }
              });
}

} // namespace trmesh
