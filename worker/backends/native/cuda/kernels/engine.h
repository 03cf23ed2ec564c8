// What the addon asks of the engine on a device: pack the weights of a network, passes forward and back, and the small ops around
// them. One engine belongs to one thread of JavaScript; everything it does follows one stream.
#pragma once
#include <memory>
#include "loss.cuh"
#include "network.h"
#include "update.cuh"

namespace trmesh {

/** f32 elements on the device. */
struct Span {
  float *data;
  long length;
};

class Engine {
public:
  virtual ~Engine() = default;
  /** @throws std::invalid_argument in words if the kernels do not have this network */
  virtual std::unique_ptr<PackedNetwork> reserve(const NetworkShape &shape) = 0;
  virtual void pack(PackedNetwork &network, const std::vector<LayerWeights> &layers) = 0;
  /** Bytes of `saved` that a pass over `samples` keeps for backward. */
  virtual size_t savedBytes(const PackedNetwork &network, const Samples &samples) = 0;
  /** y <- network(h + injection), or of h where that is null; all (samples * positions, hidden) f32. */
  virtual void forward(const PackedNetwork &network, const float *h, const float *injection, const Samples &samples, float *y,
                       void *saved) = 0;
  /** dh from dy; the gradients of the weights are added to `gradients`. */
  virtual void backward(const PackedNetwork &network, const void *saved, const float *dy, const Samples &samples, float *dh,
                        const std::vector<LayerGradients> &gradients) = 0;
  /** An op of a sub-layer that is no part of a pass (sub-layers.h). @throws std::invalid_argument in words */
  virtual void subLayer(const std::string &op, const std::vector<Span> &arrays, const std::vector<double> &numbers) = 0;
  /** Billions of operations per second of a large product in the engine's numbers, on random values. */
  virtual double peak(double seconds) = 0;
};

std::unique_ptr<Engine> makeEngine(Runtime &runtime, Products &products, bool bf16);

} // namespace trmesh
