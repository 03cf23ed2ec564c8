// The engine of one kind of numbers: the stages of a pass over all samples, forward and back, spread over the pool's threads.
// Every task writes what no other does and every sum has a fixed order: the bits do not depend on the number of threads.
#pragma once
#include <chrono>
#include <functional>
#include <stdexcept>
#include "matmul.h"
#include "mixer.h"

namespace trmesh {

template <class P> class NetworkEngine final : public Engine {
  typedef typename P::Elem Elem;

public:
  explicit NetworkEngine(Pool &pool) : pool_(pool), own_(pool.threads()), weightGradient_(pool) {}

  std::unique_ptr<PackedNetwork> reserve(const NetworkShape &shape, const float *cos, const float *sin) override {
    return std::make_unique<Packed<P>>(shape, cos, sin);
  }

  void pack(PackedNetwork &network, const std::vector<LayerWeights> &weights) override {
    auto &packed = static_cast<Packed<P> &>(network);
    const NetworkShape &shape = packed.shape;
    const long D = shape.hidden, F = shape.inner, G = shape.mixerInner, S = shape.positions;
    std::vector<std::function<void(Memory &)>> tasks;
    const auto forward = [&](const StoredWeight &w, const Panels &to) {
      for (long p = 0; p < to.panels; p++)
        tasks.push_back([=](Memory &scratch) { packForward<P>(w, p * P::NR, scratch, mutablePanel(to, p)); });
    };
    const auto backward = [&](const StoredWeight &w, const Panels &to) {
      for (long p = 0; p < to.panels; p++)
        tasks.push_back([=](Memory &scratch) { packBackward<P>(w, p * P::NR, scratch, mutablePanel(to, p)); });
    };
    const auto left = [&](const StoredWeight &w, bool flip, Elem *to) {
      const long rows = flip ? w.columns : w.rows(), stride = padded<P>(flip ? w.rows() : w.columns);
      for (long r = 0; r < rows; r += 32)
        tasks.push_back([=](Memory &) {
          for (long i = r; i < std::min(r + 32, rows); i++) packLeftRow<P>(w, i, flip, to + i * stride);
        });
    };
    for (size_t i = 0; i < packed.layers.size(); i++) {
      const PackedLayer<P> &to = packed.layers[i];
      const LayerWeights &w = weights[i];
      if (shape.attention) {
        const StoredWeight qkv{{w.q, w.k, w.v}, D, D, 3}, o{{w.o}, D, D};
        forward(qkv, to.qkv);
        backward(qkv, to.qkvBack);
        forward(o, to.o);
        backward(o, to.oBack);
      } else {
        const StoredWeight gateUp{{w.mixerGate, w.mixerUp}, G, S, 2}, down{{w.mixerDown}, S, G};
        left(gateUp, false, to.mixerGateUp);
        left(gateUp, true, to.mixerGateUpBack);
        left(down, false, to.mixerDown);
        left(down, true, to.mixerDownBack);
      }
      const StoredWeight gate{{w.gate}, F, D}, up{{w.up}, F, D}, both{{w.gate, w.up}, F, D, 2}, down{{w.down}, D, F};
      for (long p = 0; p < to.gateUp.panels; p++)
        tasks.push_back([=](Memory &scratch) {
          packForward<P>(p % 2 == 0 ? gate : up, p / 2 * P::NR, scratch, mutablePanel(to.gateUp, p));
        });
      backward(both, to.gateUpBack);
      forward(down, to.down);
      backward(down, to.downBack);
    }
    pool_.run(static_cast<long>(tasks.size()), [&](long i, int thread) { tasks[i](own_[thread]); });
  }

  long savedBytes(const PackedNetwork &network, long batch) override {
    return SavedPass<P>(network.shape, batch, nullptr, true).bytes;
  }

  void forward(const PackedNetwork &network, const float *h, const float *injection, long batch, float *y, void *saved) override {
    const auto &packed = static_cast<const Packed<P> &>(network);
    const NetworkShape &shape = packed.shape;
    const bool saving = saved != nullptr;
    if (!saving) saved = pass_.take<char>(SavedPass<P>(shape, batch, nullptr, false).bytes);
    SavedPass<P> pass(shape, batch, saved, saving);
    start(shape, h, injection, batch, pass.layers[0].x);
    for (long i = 0; i < shape.layers; i++) {
      SavedLayer<P> &at = pass.layers[saving ? i : 0];
      Elem *next = saving ? (i + 1 < shape.layers ? pass.layers[i + 1].x : pass.y) : at.x;
      if (shape.attention) attend(packed, packed.layers[i], at, batch);
      else mix(packed, packed.layers[i], at, batch, saving);
      feedForward(packed, packed.layers[i], at, batch, next, saving);
    }
    const Elem *last = saving ? pass.y : pass.layers[0].x;
    overRows(shape, batch, [&](long r, long count, int) {
      readRows<P>(last + r * padded<P>(shape.hidden), count, shape.hidden, y + r * shape.hidden);
    });
  }

  void backward(const PackedNetwork &network, const void *saved, const float *dy, long batch, float *dh,
                const std::vector<LayerGradients> &gradients) override {
    const auto &packed = static_cast<const Packed<P> &>(network);
    const NetworkShape &shape = packed.shape;
    const SavedPass<P> pass(shape, batch, const_cast<void *>(saved), true);
    const long stride = padded<P>(shape.hidden), rows = batch * shape.positions;
    Elem *flow = flow_.take<Elem>((rows + kSpareRows) * stride);
    overRows(shape, batch, [&](long r, long count, int) {
      writeRows<P>(dy + r * shape.hidden, count, shape.hidden, flow + r * stride);
    });
    for (long i = shape.layers - 1; i >= 0; i--) {
      const SavedLayer<P> &at = pass.layers[i];
      const Elem *y = i + 1 < shape.layers ? pass.layers[i + 1].x : pass.y;
      feedForwardBack(packed, packed.layers[i], at, y, batch, flow, gradients[i]);
      if (shape.attention) attendBack(packed, packed.layers[i], at, batch, flow, gradients[i]);
      else mixBack(packed, packed.layers[i], at, batch, flow, gradients[i]);
    }
    overRows(shape, batch, [&](long r, long count, int) {
      readRows<P>(flow + r * stride, count, shape.hidden, dh + r * shape.hidden);
    });
  }

  void matMul(const float *a, const float *b, float *c, long batch, long m, long k, long n, bool flipA, bool flipB,
              bool sameB) override {
    // Plain products are f32 whatever the numbers of the network.
    matMul_.run(pool_, a, b, c, batch, m, k, n, flipA, flipB, sameB);
  }

  double peak(double seconds) override {
    typedef std::chrono::steady_clock Clock;
    const long deep = roundUp(128, P::unitStep);
    std::vector<double> rates(pool_.threads());
    pool_.run(pool_.threads(), [&](long i, int) {
      Memory memory;
      uint32_t *a = memory.take<uint32_t>((P::MR + kSpareRows) * deep + deep * P::NR);
      alignas(64) float c[P::MR * P::NR];
      long tiles = 0;
      const auto start = Clock::now();
      double spent = 0;
      while (spent < seconds) {
        for (int t = 0; t < 64; t++) {
          tile<P>(a, deep, P::MR, a + (P::MR + kSpareRows) * deep, deep, c, P::NR);
          asm volatile("" : : "r"(c) : "memory"); // the tile counts as read
        }
        tiles += 64;
        spent = std::chrono::duration<double>(Clock::now() - start).count();
      }
      rates[i] = 2e-9 * tiles * P::MR * P::NR * deep * P::perUnit / spent;
    });
    double all = 0;
    for (double rate : rates) all += rate;
    return all;
  }

private:
  static uint32_t *mutablePanel(const Panels &panels, long p) {
    return const_cast<uint32_t *>(panels.data) + p * panels.units * P::NR;
  }

  /** Rows per task: enough to reuse a panel, few enough that every thread gets several. Changes no bit of any row. */
  long chunkOf(long rows) const {
    const long fair = roundUp(divideUp(rows, 4L * pool_.threads()), P::MR);
    return std::clamp(fair, static_cast<long>(P::MR), static_cast<long>(P::rowChunk));
  }
  template <class Body> void overRows(const NetworkShape &shape, long batch, const Body &body) {
    overRange(batch * shape.positions, body);
  }
  template <class Body> void overRange(long rows, const Body &body) {
    const long chunk = chunkOf(rows);
    pool_.run(divideUp(rows, chunk), [&](long i, int thread) {
      body(i * chunk, std::min(chunk, rows - i * chunk), thread);
    });
  }
  /** Scratch of this thread, cut by `Cut(carver, shape)`. */
  template <class Cut, class Shape> Cut scratch(int thread, const Shape &shape) {
    Carver measure(nullptr);
    const Cut ignored(measure, shape);
    Carver carver(own_[thread].template take<char>(measure.used()));
    return Cut(carver, shape);
  }
  static HeadShape headOf(const NetworkShape &shape) {
    const long size = shape.hidden / shape.heads;
    return {shape.positions, size, 1.0f / std::sqrt(static_cast<float>(size))};
  }

  void start(const NetworkShape &shape, const float *h, const float *injection, long batch, Elem *x) {
    overRows(shape, batch, [&](long r, long count, int) {
      addRows<P>(h + r * shape.hidden, injection + r * shape.hidden, count, shape.hidden, x + r * padded<P>(shape.hidden));
    });
  }

  void attend(const Packed<P> &packed, const PackedLayer<P> &layer, SavedLayer<P> &at, long batch) {
    const NetworkShape &shape = packed.shape;
    const HeadShape head = headOf(shape);
    const long D = shape.hidden, stride = padded<P>(D), wide = padded<P>(3 * D), S = shape.positions;
    overRows(shape, batch, [&](long r, long count, int) {
      Elem *qkv = at.qkv + r * wide;
      projectOnto<P>(at.x + r * stride, stride, count, layer.qkv, nullptr, qkv, wide);
      if (packed.rope.cos == nullptr) return;
      for (long i = 0; i < count; i++)
        for (long h = 0; h < 2 * shape.heads; h++)
          turnRow<P>(qkv + i * wide + h * head.size, head.size, packed.rope, (r + i) % S);
    });
    pool_.run(batch * shape.heads, [&](long i, int thread) {
      const long sample = i / shape.heads, h = i % shape.heads;
      auto own = scratch<HeadScratch<P>>(thread, head);
      const Elem *q = at.qkv + sample * S * wide + h * head.size;
      attendHead<P>(q, q + D, q + 2 * D, wide, head, own, at.context + sample * S * stride + h * head.size, stride,
                    at.logSums + (sample * shape.heads + h) * S);
    });
    overRows(shape, batch, [&](long r, long count, int) {
      Elem *mixed = at.mixed + r * stride;
      clearPadding<P>(at.context + r * stride, count, D);
      projectOnto<P>(at.context + r * stride, stride, count, layer.o, at.x + r * stride, mixed, stride);
      normRows<P>(mixed, count, D, shape.eps, at.mixerScales + r);
    });
  }

  void mix(const Packed<P> &packed, const PackedLayer<P> &layer, SavedLayer<P> &at, long batch, bool saving) {
    const NetworkShape &shape = packed.shape;
    const long stride = padded<P>(shape.hidden), panels = stride / P::NR, S = shape.positions;
    pool_.run(batch * panels, [&](long i, int thread) {
      const long sample = i / panels, channel = i % panels * P::NR, from = sample * S * stride + channel;
      auto own = scratch<MixerScratch<P>>(thread, shape);
      Elem *gateUp = saving ? at.mixerGateUp + sample * 2 * shape.mixerInner * stride + channel : nullptr;
      mixPanel<P>(layer, shape, own, at.x + from, stride, at.mixed + from, gateUp,
                  at.mixerScales + sample * stride + channel);
    });
  }

  void feedForward(const Packed<P> &packed, const PackedLayer<P> &layer, SavedLayer<P> &at, long batch, Elem *next, bool saving) {
    const NetworkShape &shape = packed.shape;
    const long stride = padded<P>(shape.hidden), F = shape.inner;
    overRows(shape, batch, [&](long r, long count, int thread) {
      Elem *act = own_[thread].template take<Elem>((P::rowChunk + kSpareRows) * F);
      Elem *gates = saving ? at.gateUp + r * 2 * F : nullptr;
      const Elem *x = at.mixed + r * stride;
      gateUpRows<P>(x, stride, count, layer.gateUp, act, F, gates, saving ? gates + F : nullptr, 2 * F);
      projectOnto<P>(act, F, count, layer.down, x, next + r * stride, stride);
      normRows<P>(next + r * stride, count, shape.hidden, shape.eps, saving ? at.scales + r : nullptr);
    });
  }

  /** Backward keeps its own activations for this many rows at a time: they stay near, and the order of sums is fixed. */
  static constexpr long kBlock = 1536;

  void feedForwardBack(const Packed<P> &packed, const PackedLayer<P> &layer, const SavedLayer<P> &at, const Elem *y, long batch,
                       Elem *flow, const LayerGradients &gradients) {
    const NetworkShape &shape = packed.shape;
    const long D = shape.hidden, stride = padded<P>(D), F = shape.inner, rows = batch * shape.positions;
    const long block = std::min(rows, kBlock);
    Carver measure(nullptr);
    const auto carve = [&](Carver &carver) {
      ds_ = carver.take<Elem>((block + kSpareRows) * stride);
      dGateUp_ = carver.take<Elem>((block + kSpareRows) * 2 * F);
      act_ = carver.take<Elem>((block + kSpareRows) * F);
    };
    carve(measure);
    Carver carver(block_.take<char>(measure.used()));
    carve(carver);
    for (long first = 0; first < rows; first += block) {
      const long here = std::min(block, rows - first);
      overRange(here, [&](long r, long count, int) {
        const long row = first + r;
        Elem *ds = ds_ + r * stride, *dGateUp = dGateUp_ + r * 2 * F, *act = act_ + r * F;
        normRowsBack<P>(y + row * stride, at.scales + row, flow + row * stride, count, D, ds);
        multiply<P>(ds, stride, count, layer.downBack, 0, layer.downBack.panels, [&](long i, int tileRows, long p, const float *c) {
          for (int t = 0; t < tileRows; t++) {
            const Elem *gates = at.gateUp + (row + i + t) * 2 * F + p * P::NR;
            Elem *to = dGateUp + (i + t) * 2 * F + p * P::NR;
            Activation<P>::backward(c + t * P::NR, gates, gates + F, to, to + F, act + (i + t) * F + p * P::NR);
          }
        });
        projectOnto<P>(dGateUp, 2 * F, count, layer.gateUpBack, ds, flow + row * stride, stride);
      });
      weightGradient_.add(ds_, stride, act_, here, F, {{gradients.down, D}});
      weightGradient_.add(dGateUp_, 2 * F, at.mixed + first * stride, here, D, {{gradients.gate, F}, {gradients.up, F}});
    }
  }

  void attendBack(const Packed<P> &packed, const PackedLayer<P> &layer, const SavedLayer<P> &at, long batch, Elem *flow,
                  const LayerGradients &gradients) {
    const NetworkShape &shape = packed.shape;
    const HeadShape head = headOf(shape);
    const long D = shape.hidden, stride = padded<P>(D), wide = padded<P>(3 * D), S = shape.positions, rows = batch * S;
    Elem *dContext = dContext_.take<Elem>((rows + kSpareRows) * stride);
    Elem *dQkv = dQkv_.take<Elem>((rows + kSpareRows) * wide);
    overRange(rows, [&](long r, long count, int) {
      Elem *ds = flow + r * stride;
      normRowsBack<P>(at.mixed + r * stride, at.mixerScales + r, ds, count, D, ds);
      projectOnto<P>(ds, stride, count, layer.oBack, nullptr, dContext + r * stride, stride);
    });
    pool_.run(batch * shape.heads, [&](long i, int thread) {
      const long sample = i / shape.heads, h = i % shape.heads, from = sample * S * stride + h * head.size;
      auto own = scratch<HeadScratch<P>>(thread, head);
      const Elem *q = at.qkv + sample * S * wide + h * head.size;
      attendHeadBack<P>(q, q + D, q + 2 * D, wide, at.context + from, dContext + from, stride,
                        at.logSums + (sample * shape.heads + h) * S, head, own);
      const long width = padded<P>(head.size);
      for (long s = 0; s < S; s++) {
        float *dq = own.dQ + s * width, *dk = own.dK + s * width, *dv = own.dV + s * width;
        if (packed.rope.cos != nullptr) {
          turnRowBack<P::W>(dq, head.size, packed.rope, s);
          turnRowBack<P::W>(dk, head.size, packed.rope, s);
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
    overRange(rows, [&](long r, long count, int) {
      projectOnto<P>(dQkv + r * wide, wide, count, layer.qkvBack, flow + r * stride, flow + r * stride, stride);
    });
  }

  void mixBack(const Packed<P> &packed, const PackedLayer<P> &layer, const SavedLayer<P> &at, long batch, Elem *flow,
               const LayerGradients &gradients) {
    const NetworkShape &shape = packed.shape;
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
      pool_.run(here * panels, [&](long i, int thread) {
        const long n = i / panels, channel = i % panels * P::NR, sample = first + n, from = sample * S * stride + channel;
        auto own = scratch<MixerScratch<P>>(thread, shape);
        mixPanelBack<P>(layer, shape, own, at.mixed + from, at.mixerScales + sample * stride + channel,
                        at.mixerGateUp + sample * 2 * G * stride + channel, stride, flow + from,
                        ds_ + n * S * stride + channel, dGateUp_ + n * 2 * G * stride + channel,
                        act_ + n * G * stride + channel);
      });
      pool_.run(here * (actPanels + xPanels), [&](long i, int) {
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
      pool_.run(gateStripes + downStripes, [&](long i, int) {
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

  Pool &pool_;
  /** Scratch of each thread. */
  std::vector<Memory> own_;
  Memory pass_, flow_, block_, dContext_, dQkv_;
  Elem *ds_ = nullptr, *dGateUp_ = nullptr, *act_ = nullptr;
  uint32_t *actLanes_ = nullptr, *xLanes_ = nullptr;
  WeightGradient<P> weightGradient_;
  MatMul<Wide<P::W, false>> matMul_;
};

} // namespace trmesh
