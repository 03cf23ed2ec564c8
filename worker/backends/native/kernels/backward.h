// The stages of a pass back, from the gradient of its output to those of its input and its weights. Every sum has an order that
// is a function of the shapes alone.
#pragma once
#include "mixer.h"
#include "stages.h"
#include "weight-gradient.h"

namespace trmesh {

template <class P> class Backward {
  typedef typename P::Elem Elem;

public:
  explicit Backward(Stages<P> &stages) : stages_(stages), weightGradient_(stages.pool) {}

  /** As Engine::backward. */
  void run(const Packed<P> &packed, const void *saved, const float *dy, const Samples &samples, float *dh,
           const std::vector<LayerGradients> &gradients) {
    const NetworkShape shape = shapeOf(packed, samples);
    const long batch = samples.count;
    const SavedPass<P> pass(shape, batch, const_cast<void *>(saved), true);
    const long stride = padded<P>(shape.hidden), rows = batch * shape.positions;
    Elem *flow = flow_.take<Elem>((rows + kSpareRows) * stride);
    stages_.overRows(shape, batch, [&](long r, long count, int) {
      writeRows<P>(dy + r * shape.hidden, count, shape.hidden, flow + r * stride);
    });
    for (long i = shape.layers - 1; i >= 0; i--) {
      const SavedLayer<P> &at = pass.layers[i];
      const Elem *y = i + 1 < shape.layers ? pass.layers[i + 1].x : pass.y;
      if (shape.inner > 0) feedForwardBack(shape, packed.layers[i], at, y, batch, flow, gradients[i]);
      if (shape.attention) attendBack(shape, packed.layers[i], at, batch, samples.rope, flow, gradients[i]);
      else mixBack(shape, packed.layers[i], at, batch, flow, gradients[i]);
    }
    stages_.overRows(shape, batch, [&](long r, long count, int) {
      readRows<P>(flow + r * stride, count, shape.hidden, dh + r * shape.hidden);
    });
  }

private:
  /** Backward keeps its own activations for this many rows at a time: they stay near, and the order of sums is fixed. */
  static constexpr long kBlock = 1536;

  void feedForwardBack(const NetworkShape &shape, const PackedLayer<P> &layer, const SavedLayer<P> &at, const Elem *y, long batch,
                       Elem *flow, const LayerGradients &gradients) {
    const long D = shape.hidden, stride = padded<P>(D), F = shape.inner, rows = batch * shape.positions;
    const long block = std::min(rows, kBlock);
    Carver measure(nullptr);
    const auto carve = [&](Carver &carver) {
      ds_ = carver.take<Elem>((block + kSpareRows) * stride);
      dGateUp_ = carver.take<Elem>((block + kSpareRows) * 2 * F);
      act_ = carver.take<Elem>((block + kSpareRows) * F);
      sums_ = shape.normed ? carver.take<float>(block * P::NR) : nullptr;
    };
    carve(measure);
    Carver carver(block_.take<char>(measure.used()));
    carve(carver);
    for (long first = 0; first < rows; first += block) {
      const long here = std::min(block, rows - first);
      stages_.overRange(here, [&](long r, long count, int) {
        const long row = first + r;
        Elem *ds = ds_ + r * stride, *dGateUp = dGateUp_ + r * 2 * F, *act = act_ + r * F;
        Elem *residual = shape.normed ? flow + row * stride : ds;
        float *sums = shape.normed ? sums_ + r * P::NR : nullptr;
        normRowsBack<P>(y + row * stride, at.scales + row, flow + row * stride, count, D, residual);
        if (shape.normed) {
          scaleRows<P>(residual, at.innerScales + row, count, stride, ds);
          std::fill_n(sums, count * P::NR, 0.0f);
        }
        multiply<P>(ds, stride, count, layer.downBack, 0, layer.downBack.panels, [&](long i, int tileRows, long p, const float *c) {
          for (int t = 0; t < tileRows; t++) {
            const Elem *gates = at.gateUp + (row + i + t) * 2 * F + p * P::NR;
            Elem *to = dGateUp + (i + t) * 2 * F + p * P::NR;
            Activation<P>::backward(c + t * P::NR, gates, gates + F, to, to + F, act + (i + t) * F + p * P::NR);
            if (shape.normed) InnerNorm<P>::addProducts(c + t * P::NR, act + (i + t) * F + p * P::NR, sums + (i + t) * P::NR);
          }
        });
        if (shape.normed) throughInnerNorm(at.gateUp + row * 2 * F, at.innerScales + row, sums, count, F, dGateUp);
        projectOnto<P>(dGateUp, 2 * F, count, layer.gateUpBack, residual, flow + row * stride, stride);
      });
      weightGradient_.add(ds_, stride, act_, here, F, {{gradients.down, D}});
      weightGradient_.add(dGateUp_, 2 * F, at.mixed + first * stride, here, D, {{gradients.gate, F}, {gradients.up, F}});
    }
  }

  /** Rows of gates and ups side by side, and of their gradients; sums [rows][NR] of d(act) act, overwritten. */
  static void throughInnerNorm(const Elem *gateUp, const float *scales, float *sums, long rows, long F, Elem *dGateUp) {
    for (long r = 0; r < rows; r++) {
      float *slide = sums + r * P::NR;
      const VF<P::W> all = InnerNorm<P>::slide(splat<P::W>(InnerNorm<P>::total(slide)), splat<P::W>(scales[r]), F);
      for (int l = 0; l < P::NR; l += P::W) storeAs(slide + l, all);
      const Elem *gates = gateUp + r * 2 * F;
      Elem *to = dGateUp + r * 2 * F;
      for (long c = 0; c < F; c += P::NR) InnerNorm<P>::addSlide(gates + c, gates + F + c, slide, to + c, to + F + c);
    }
  }

  void attendBack(const NetworkShape &shape, const PackedLayer<P> &layer, const SavedLayer<P> &at, long batch, const Rope &rope,
                  Elem *flow, const LayerGradients &gradients) {
    const HeadShape head = stages_.headOf(shape);
    const long D = shape.hidden, stride = padded<P>(D), wide = padded<P>(3 * D), S = shape.positions, rows = batch * S;
    Elem *dContext = dContext_.take<Elem>((rows + kSpareRows) * stride);
    Elem *dQkv = dQkv_.take<Elem>((rows + kSpareRows) * wide);
    stages_.overRange(rows, [&](long r, long count, int) {
      Elem *ds = flow + r * stride;
      normRowsBack<P>(at.mixed + r * stride, at.mixerScales + r, ds, count, D, ds);
      projectOnto<P>(ds, stride, count, layer.oBack, nullptr, dContext + r * stride, stride);
    });
    stages_.pool.run(batch * shape.heads, [&](long i, int thread) {
      const long sample = i / shape.heads, h = i % shape.heads, from = sample * S * stride + h * head.size;
      auto own = stages_.template scratch<HeadScratch<P>>(thread, head);
      const Elem *q = at.qkv + sample * S * wide + h * head.size;
      attendHeadBack<P>(q, q + D, q + 2 * D, wide, at.context + from, dContext + from, stride,
                        at.logSums + (sample * shape.heads + h) * S, head, own);
      const long width = padded<P>(head.size);
      for (long s = 0; s < S; s++) {
        float *dq = own.dQ + s * width, *dk = own.dK + s * width, *dv = own.dV + s * width;
        if (rope.cos != nullptr) {
          turnRowBack<P::W>(dq, head.size, rope, (sample * S + s) % rope.rows);
          turnRowBack<P::W>(dk, head.size, rope, (sample * S + s) % rope.rows);
        }
        Elem *out = dQkv + (sample * S + s) * wide + h * head.size;
        convertRow<P>(dq, head.size, out, head.size);
        convertRow<P>(dk, head.size, out + D, head.size);
        convertRow<P>(dv, head.size, out + 2 * D, head.size);
      }
    });
    clearPadding<P>(dQkv, rows, 3 * D);
    for (long first = 0; first < rows; first += kBlock) {
      const long here = std::min(kBlock, rows - first);
      weightGradient_.add(flow + first * stride, stride, at.context + first * stride, here, D, {{gradients.o, D}});
      weightGradient_.add(dQkv + first * wide, wide, at.x + first * stride, here, D,
                          {{gradients.q, D}, {gradients.k, D}, {gradients.v, D}});
    }
    stages_.overRange(rows, [&](long r, long count, int) {
      projectOnto<P>(dQkv + r * wide, wide, count, layer.qkvBack, flow + r * stride, flow + r * stride, stride);
    });
  }

  void mixBack(const NetworkShape &shape, const PackedLayer<P> &layer, const SavedLayer<P> &at, long batch, Elem *flow,
               const LayerGradients &gradients) {
    const long stride = padded<P>(shape.hidden), panels = stride / P::NR, S = shape.positions, G = shape.mixerInner;
    const long group = std::min(batch, std::max(1L, kBlock / S));
    Carver measure(nullptr);
    const auto carve = [&](Carver &carver) {
      ds_ = carver.take<Elem>((group * S + kSpareRows) * stride);
      dGateUp_ = carver.take<Elem>((group * 2 * G + kSpareRows) * stride);
      act_ = carver.take<Elem>(group * G * stride);
      actLanes_ = carver.take<uint32_t>(group * panelUnits<P>(G, stride));
      xLanes_ = carver.take<uint32_t>(group * panelUnits<P>(S, stride));
    };
    carve(measure);
    Carver carver(block_.take<char>(measure.used()));
    carve(carver);
    const long actUnits = panelUnits<P>(G, stride), xUnits = panelUnits<P>(S, stride), deep = unitsOf<P>(stride);
    const long actPanels = padded<P>(G) / P::NR, xPanels = padded<P>(S) / P::NR;
    for (long first = 0; first < batch; first += group) {
      const long here = std::min(group, batch - first);
      stages_.pool.run(here * panels, [&](long i, int thread) {
        const long n = i / panels, channel = i % panels * P::NR, sample = first + n, from = sample * S * stride + channel;
        auto own = stages_.template scratch<MixerScratch<P>>(thread, shape);
        mixPanelBack<P>(layer, shape, own, at.mixed + from, at.mixerScales + sample * stride + channel,
                        shape.normed ? at.mixerInnerScales + sample * stride + channel : nullptr,
                        at.mixerGateUp + sample * 2 * G * stride + channel, stride, flow + from,
                        ds_ + n * S * stride + channel, dGateUp_ + n * 2 * G * stride + channel,
                        act_ + n * G * stride + channel);
      });
      stages_.pool.run(here * (actPanels + xPanels), [&](long i, int) {
        const long n = i / (actPanels + xPanels), p = i % (actPanels + xPanels);
        const auto lanes = [&](const Elem *rows, long count, long panel, uint32_t *out) {
          packRowsAsLanes<P>(rows + panel * P::NR * stride, stride, std::min(count - panel * P::NR, static_cast<long>(P::NR)),
                             stride, out + panel * deep * P::NR);
        };
        if (p < actPanels) lanes(act_ + n * G * stride, G, p, actLanes_ + n * actUnits);
        else lanes(at.x + (first + n) * S * stride, S, p - actPanels, xLanes_ + n * xUnits);
      });
      // One task per stripe of rows of either gradient; inside, samples in order.
      const long stripe = 4 * P::MR, gateStripes = divideUp(2 * G, stripe), downStripes = divideUp(S, stripe);
      stages_.pool.run(gateStripes + downStripes, [&](long i, int) {
        const bool down = i >= gateStripes;
        const long r = (down ? i - gateStripes : i) * stripe, rows = std::min(stripe, (down ? S : 2 * G) - r);
        for (long n = 0; n < here; n++) {
          const Elem *left = down ? ds_ + (n * S + r) * stride : dGateUp_ + (n * 2 * G + r) * stride;
          const Panels right{down ? actLanes_ + n * actUnits : xLanes_ + n * xUnits, deep, down ? actPanels : xPanels};
          multiply<P>(left, stride, rows, right, 0, right.panels, [&](long t, int count, long p, const float *c) {
            const long columns = down ? G : S;
            for (int k = 0; k < count; k++) {
              const long row = r + t + k;
              float *into = down ? gradients.mixerDown + row * G
                                 : row < G ? gradients.mixerGate + row * S : gradients.mixerUp + (row - G) * S;
              WeightGradient<P>::addTile(c + k * P::NR, 1, p * P::NR, columns, into);
            }
          });
        }
      });
    }
  }

  Stages<P> &stages_;
  WeightGradient<P> weightGradient_;
  Memory flow_, block_, dContext_, dQkv_;
  Elem *ds_ = nullptr, *dGateUp_ = nullptr, *act_ = nullptr;
  float *sums_ = nullptr;
  uint32_t *actLanes_ = nullptr, *xLanes_ = nullptr;
};

} // namespace trmesh
