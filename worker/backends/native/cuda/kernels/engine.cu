// The engine of each kind of numbers.
#include "engine.h"
#include <chrono>
#include "backward.h"
#include "forward.h"
#include "sub-layers.h"

namespace trmesh {

namespace {

/** Values in [-1, 1) that look random: products of zeros run faster than those of real data. */
template <class T> __global__ void fillWithNoise(T *to, long count, uint32_t seed) {
  for (long i = firstItem(); i < count; i += itemStep()) {
    uint32_t x = static_cast<uint32_t>(i) * 2654435761u + seed;
    x ^= x >> 16, x *= 2246822519u, x ^= x >> 13;
    to[i] = narrow<T>(static_cast<float>(x >> 8) / 8388608.0f - 1.0f);
  }
}

template <class T> class NetworkEngine final : public Engine {
public:
  NetworkEngine(Runtime &runtime, Products &products)
      : runtime_(runtime), products_(products), forward_(runtime, products), backward_(runtime, products),
        subLayers_(runtime, products) {}

  std::unique_ptr<PackedNetwork> reserve(const NetworkShape &shape) override {
    mustHave(shape);
    return std::make_unique<Packed<T>>(runtime_, shape);
  }

  void pack(PackedNetwork &network, const std::vector<LayerWeights> &weights) override {
    Packed<T> &packed = static_cast<Packed<T> &>(network);
    const NetworkShape &shape = packed.shape;
    const long D = shape.hidden, F = shape.inner, S = shape.positions, padded = shape.padded(), G = shape.mixerInner;
    for (long i = 0; i < shape.layers; i++) {
      const PackedLayer<T> &to = packed.layers[i];
      const LayerWeights &from = weights[i];
      if (shape.attention()) {
        const float *parts[3] = {from.q, from.k, from.v};
        for (int part = 0; part < 3; part++) cast(parts[part], D, D, to.qkv + part * D * D, D, D);
        cast(from.o, D, D, to.o, D, D);
      } else if (shape.byPosition()) {
        cast(from.mixerGate, G, S, to.mixerGateUp, G, padded);
        cast(from.mixerUp, G, S, to.mixerGateUp + G * padded, G, padded);
        cast(from.mixerDown, S, G, to.mixerDown, padded, G);
      }
      if (!shape.feedsForward()) continue;
      cast(from.gate, F, D, to.gateUp, F, D);
      cast(from.up, F, D, to.gateUp + F * D, F, D);
      cast(from.down, D, F, to.down, D, F);
    }
  }

  size_t savedBytes(const PackedNetwork &network, const Samples &samples) override {
    return SavedPass<T>(shapeOf(network, samples), samples.count, nullptr, true).bytes;
  }

  void forward(const PackedNetwork &network, const float *h, const float *injection, const Samples &samples, float *y,
               void *saved) override {
    forward_.run(static_cast<const Packed<T> &>(network), h, injection, samples, y, saved);
  }

  void backward(const PackedNetwork &network, const void *saved, const float *dy, const Samples &samples, float *dh,
                const std::vector<LayerGradients> &gradients) override {
    backward_.run(static_cast<const Packed<T> &>(network), saved, dy, samples, dh, gradients);
  }

  void subLayer(const std::string &op, const std::vector<Span> &arrays, const std::vector<double> &numbers) override {
    subLayers_.run(op, arrays, numbers);
  }

  double peak(double seconds) override {
    typedef std::chrono::steady_clock Clock;
#if defined(TRMESH_EMULATED)
    const long size = 64;
#else
    const long size = 8192;
#endif
    Room room(runtime_);
    T *a = static_cast<T *>(room.take(static_cast<size_t>(3 * size * size) * sizeof(T))), *b = a + size * size, *c = b + size * size;
    run(runtime_.stream(), overItems(2 * size * size), fillWithNoise<T>, a, 2 * size * size, 1u);
    const auto product = [&] {
      products_.multiply(numberOf<T>, Operand(a, size), Operand(b, size, true), numberOf<T>, c, size, size, size, size, 0);
    };
    for (int i = 0; i < 3; i++) product();
    runtime_.wait();
    const auto start = Clock::now();
    double spent = 0;
    long done = 0;
    while (spent < seconds) {
      for (int i = 0; i < 10; i++) product();
      runtime_.wait();
      done += 10;
      spent = std::chrono::duration<double>(Clock::now() - start).count();
    }
    return 2e-9 * static_cast<double>(done) * static_cast<double>(size) * static_cast<double>(size) * static_cast<double>(size) / spent;
  }

private:
  void cast(const float *from, long rows, long columns, T *to, long outRows, long outColumns) {
    run(runtime_.stream(), overItems(outRows * outColumns), packBlock<T>, from, rows, columns, columns, to, outRows, outColumns);
  }

  Runtime &runtime_;
  Products &products_;
  Forward<T> forward_;
  Backward<T> backward_;
  SubLayers<T> subLayers_;
};

} // namespace

std::unique_ptr<Engine> makeEngine(Runtime &runtime, Products &products, bool wantsBf16) {
  if (wantsBf16) return std::make_unique<NetworkEngine<bf16>>(runtime, products);
  return std::make_unique<NetworkEngine<float>>(runtime, products);
}

} // namespace trmesh
