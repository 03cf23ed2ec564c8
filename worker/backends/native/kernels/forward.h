// The stages of a pass forward. Inside a stage every task goes through several products on rows that stay in the cache; it
// writes what no other task does, so the bits do not depend on the number of threads.
#pragma once
#include "mixer.h"
#include "stages.h"

namespace trmesh {

/** Scratch of one thread for some rows of SwiGLU over channels. */
template <class P> struct FeedForwardScratch {
  typename P::Elem *act;
  /** [rows][NR]; only with a norm inside. */
  float *squares;

  FeedForwardScratch(Carver &carver, const NetworkShape &shape) {
    act = carver.take<typename P::Elem>((P::rowChunk + kSpareRows) * shape.inner);
    squares = shape.normed ? carver.take<float>(P::rowChunk * P::NR) : nullptr;
  }
};

template <class P> class Forward {
  typedef typename P::Elem Elem;

public:
  explicit Forward(Stages<P> &stages) : stages_(stages) {}

  /** As Engine::forward. */
  void run(const Packed<P> &packed, const float *h, const float *injection, const Samples &samples, float *y, void *saved) {
    const NetworkShape shape = shapeOf(packed, samples);
    const long batch = samples.count;
    const bool saving = saved != nullptr;
    if (!saving) saved = pass_.take<char>(SavedPass<P>(shape, batch, nullptr, false).bytes);
    SavedPass<P> pass(shape, batch, saved, saving);
    start(shape, h, injection, batch, pass.layers[0].x);
    for (long i = 0; i < shape.layers; i++) {
      SavedLayer<P> &at = pass.layers[saving ? i : 0];
      Elem *next = saving ? (i + 1 < shape.layers ? pass.layers[i + 1].x : pass.y) : at.x;
      if (shape.attention) attend(shape, packed.layers[i], at, batch, samples.rope);
      else mix(shape, packed.layers[i], at, batch, saving);
      if (shape.inner > 0) feedForward(shape, packed.layers[i], at, batch, next, saving);
    }
    const Elem *last = saving ? pass.y : pass.layers[0].x;
    stages_.overRows(shape, batch, [&](long r, long count, int) {
      readRows<P>(last + r * padded<P>(shape.hidden), count, shape.hidden, y + r * shape.hidden);
    });
  }

private:
  void start(const NetworkShape &shape, const float *h, const float *injection, long batch, Elem *x) {
    stages_.overRows(shape, batch, [&](long r, long count, int) {
      addRows<P>(h + r * shape.hidden, injection + r * shape.hidden, count, shape.hidden, x + r * padded<P>(shape.hidden));
    });
  }

  void attend(const NetworkShape &shape, const PackedLayer<P> &layer, SavedLayer<P> &at, long batch, const Rope &rope) {
    const HeadShape head = stages_.headOf(shape);
    const long D = shape.hidden, stride = padded<P>(D), wide = padded<P>(3 * D), S = shape.positions;
    stages_.overRows(shape, batch, [&](long r, long count, int) {
      Elem *qkv = at.qkv + r * wide;
      projectOnto<P>(at.x + r * stride, stride, count, layer.qkv, nullptr, qkv, wide);
      if (rope.cos == nullptr) return;
      for (long i = 0; i < count; i++)
        for (long h = 0; h < 2 * shape.heads; h++)
          turnRow<P>(qkv + i * wide + h * head.size, head.size, rope, (r + i) % rope.rows);
    });
    stages_.pool.run(batch * shape.heads, [&](long i, int thread) {
      const long sample = i / shape.heads, h = i % shape.heads;
      auto own = stages_.template scratch<HeadScratch<P>>(thread, head);
      const Elem *q = at.qkv + sample * S * wide + h * head.size;
      attendHead<P>(q, q + D, q + 2 * D, wide, head, own, at.context + sample * S * stride + h * head.size, stride,
                    at.logSums + (sample * shape.heads + h) * S);
    });
    stages_.overRows(shape, batch, [&](long r, long count, int) {
      Elem *mixed = at.mixed + r * stride;
      clearPadding<P>(at.context + r * stride, count, D);
      projectOnto<P>(at.context + r * stride, stride, count, layer.o, at.x + r * stride, mixed, stride);
      normRows<P>(mixed, count, D, shape.eps, at.mixerScales + r);
    });
  }

  void mix(const NetworkShape &shape, const PackedLayer<P> &layer, SavedLayer<P> &at, long batch, bool saving) {
    const long stride = padded<P>(shape.hidden), panels = stride / P::NR, S = shape.positions;
    stages_.pool.run(batch * panels, [&](long i, int thread) {
      const long sample = i / panels, channel = i % panels * P::NR, from = sample * S * stride + channel;
      auto own = stages_.template scratch<MixerScratch<P>>(thread, shape);
      Elem *gateUp = saving ? at.mixerGateUp + sample * 2 * shape.mixerInner * stride + channel : nullptr;
      mixPanel<P>(layer, shape, own, at.x + from, stride, at.mixed + from, gateUp,
                  at.mixerScales + sample * stride + channel,
                  shape.normed ? at.mixerInnerScales + sample * stride + channel : nullptr);
    });
  }

  void feedForward(const NetworkShape &shape, const PackedLayer<P> &layer, SavedLayer<P> &at, long batch, Elem *next, bool saving) {
    const long stride = padded<P>(shape.hidden), F = shape.inner;
    stages_.overRows(shape, batch, [&](long r, long count, int thread) {
      auto own = stages_.template scratch<FeedForwardScratch<P>>(thread, shape);
      float *innerScales = shape.normed ? at.innerScales + r : nullptr;
      Elem *gates = saving ? at.gateUp + r * 2 * F : nullptr;
      const Elem *x = at.mixed + r * stride;
      gateUpRows<P>(x, stride, count, layer.gateUp, own.act, F, gates, saving ? gates + F : nullptr, 2 * F, own.squares);
      if (shape.normed)
        for (long i = 0; i < count; i++)
          innerScales[i] = InnerNorm<P>::scaleOf(InnerNorm<P>::total(own.squares + i * P::NR), F, shape.eps);
      projectOnto<P>(own.act, F, count, layer.down, x, next + r * stride, stride, innerScales);
      normRows<P>(next + r * stride, count, shape.hidden, shape.eps, saving ? at.scales + r : nullptr);
    });
  }

  Stages<P> &stages_;
  Memory pass_;
};

} // namespace trmesh
