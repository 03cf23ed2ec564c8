// The engine of one kind of numbers: packing, passes forward and back, plain products, and how fast it can be at best.
#pragma once
#include <chrono>
#include <stdexcept>
#include "backward.h"
#include "forward.h"
#include "matmul.h"
#include "pack.h"
#include "row-ops.h"

namespace trmesh {

template <class P> class NetworkEngine final : public Engine {
public:
  explicit NetworkEngine(Pool &pool) : pool_(pool), stages_(pool), forward_(stages_), backward_(stages_), rowOps_(pool) {}

  std::unique_ptr<PackedNetwork> reserve(const NetworkShape &shape) override {
    return std::make_unique<Packed<P>>(shape);
  }

  void pack(PackedNetwork &network, const std::vector<LayerWeights> &weights) override {
    packNetwork<P>(stages_, static_cast<Packed<P> &>(network), weights);
  }

  long savedBytes(const PackedNetwork &network, const Samples &samples) override {
    return SavedPass<P>(shapeOf(network, samples), samples.count, nullptr, true).bytes;
  }

  void forward(const PackedNetwork &network, const float *h, const float *injection, const Samples &samples, float *y,
               void *saved) override {
    forward_.run(static_cast<const Packed<P> &>(network), h, injection, samples, y, saved);
  }

  void backward(const PackedNetwork &network, const void *saved, const float *dy, const Samples &samples, float *dh,
                const std::vector<LayerGradients> &gradients) override {
    backward_.run(static_cast<const Packed<P> &>(network), saved, dy, samples, dh, gradients);
  }

  void matMul(const float *a, const float *b, float *c, long batch, long m, long k, long n, bool flipA, bool flipB,
              bool sameB) override {
    // Plain products are f32 whatever the numbers of the network.
    matMul_.run(pool_, a, b, c, batch, m, k, n, flipA, flipB, sameB);
  }

  void rowOp(RowOp op, const std::vector<Array> &arrays, const std::vector<double> &numbers) override {
    rowOps_.run(op, arrays, numbers);
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
  Pool &pool_;
  Stages<P> stages_;
  Forward<P> forward_;
  Backward<P> backward_;
  MatMul<Wide<P::W, false>> matMul_;
  RowOps<P> rowOps_;
};

} // namespace trmesh
