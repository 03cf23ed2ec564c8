// One network on the device (spec 1.4): its sizes, its weights as the products read them, and what a pass keeps for backward.
// Attention works on rows sample after sample; the MLP mixer position after position, so that its products over positions are
// one product for all samples, and nothing is ever transposed.
#pragma once
#include <stdexcept>
#include <vector>
#include "attention.h"
#include "products.h"
#include "rope.cuh"
#include "rows.cuh"

namespace trmesh {

/** What mixes the positions of a layer; none: the layer is SwiGLU over channels alone. */
enum class Mixer { positions, attention, none };

struct NetworkShape {
  long hidden;
  long heads;
  /** Of an MLP mixer, whose weights they size; an attention network takes them with every pass. */
  long positions;
  long layers;
  Mixer mixer;
  /** Width of SwiGLU over channels (0: layers without), and over positions (MLP mixer only). */
  long inner;
  long mixerInner;
  float eps;
  /** A norm inside both. */
  bool normed;

  bool attention() const { return mixer == Mixer::attention; }
  bool byPosition() const { return mixer == Mixer::positions; }
  bool feedsForward() const { return inner > 0; }
  long headSize() const { return hidden / heads; }
  /** Positions as rows of the mixer's products, whose operands want multiples of 8. */
  long padded() const { return byPosition() ? roundUp(positions, 8) : positions; }
  /** Rows of a pass over `batch` samples. */
  long rows(long batch) const { return batch * padded(); }
};

/** @throws std::invalid_argument in words if the kernels do not have this network */
inline void mustHave(const NetworkShape &shape) {
  const auto refuse = [](const std::string &why) { throw std::invalid_argument("the CUDA engine cannot compute this network: " + why); };
  if (shape.hidden % 8 != 0 || shape.inner % 8 != 0 || shape.mixerInner % 8 != 0)
    refuse("its widths (" + std::to_string(shape.hidden) + ", " + std::to_string(shape.inner) + ", " +
           std::to_string(shape.mixerInner) + ") must be multiples of 8");
  if (shape.hidden > kMostColumns) refuse("it is wider than " + std::to_string(kMostColumns) + " channels");
  if (shape.attention() && shape.headSize() > kMostHeadSize)
    refuse("its heads have " + std::to_string(shape.headSize()) + " channels, at most " + std::to_string(kMostHeadSize));
}

/** Stored weights of a layer on the device, f32 row-major as in the checkpoint; gradients of the same have the same form. */
template <class P> struct LayerArrays {
  P q, k, v, o;
  P mixerGate, mixerUp, mixerDown;
  P gate, up, down;
};
typedef LayerArrays<const float *> LayerWeights;
typedef LayerArrays<float *> LayerGradients;

template <class T> struct PackedLayer {
  /** (3D, D) and (D, D). */
  T *qkv, *o;
  /** (2G, padded) and (padded, G). */
  T *mixerGateUp, *mixerDown;
  /** (2F, D) and (D, F). */
  T *gateUp, *down;
};

/** The samples of a pass, all of one length. */
struct Samples {
  long count;
  long positions;
  Rope rope;
};

/** A network's weights in activation precision; made again for every optimizer step. */
class PackedNetwork {
public:
  explicit PackedNetwork(const NetworkShape &shape) : shape(shape) {}
  virtual ~PackedNetwork() = default;
  const NetworkShape shape;
};

template <class T> class Packed final : public PackedNetwork {
public:
  Packed(Runtime &runtime, const NetworkShape &shape) : PackedNetwork(shape), layers(shape.layers), room_(runtime) {
    Cutter measure(nullptr);
    cut(measure);
    Cutter cutter(room_.take(measure.used()));
    cut(cutter);
  }

  std::vector<PackedLayer<T>> layers;

private:
  void cut(Cutter &cutter) {
    const long D = shape.hidden, F = shape.inner, S = shape.padded(), G = shape.mixerInner;
    for (PackedLayer<T> &layer : layers) {
      layer = {};
      if (shape.attention()) {
        layer.qkv = cutter.take<T>(3 * D * D);
        layer.o = cutter.take<T>(D * D);
      } else if (shape.byPosition()) {
        layer.mixerGateUp = cutter.take<T>(2 * G * S);
        layer.mixerDown = cutter.take<T>(S * G);
      }
      if (!shape.feedsForward()) continue;
      layer.gateUp = cutter.take<T>(2 * F * D);
      layer.down = cutter.take<T>(D * F);
    }
  }

  Room room_;
};

/** What a pass keeps of a layer. Without backward all layers share the first one's, and gates and ups are not kept. */
template <class T> struct SavedLayer {
  /** `mixed`: what the mixer leaves. Where a layer is a mixer or SwiGLU alone it is room for a product, or x itself. */
  T *x, *qkv, *context, *mixed, *gateUp, *mixerGateUp;
  float *logSums, *mixerScales, *scales;
  /** Of the norms inside, of every column of the mixer's and of every row; null without them. */
  float *mixerInnerScales, *innerScales;
};

template <class T> struct SavedPass {
  std::vector<SavedLayer<T>> layers;
  T *y;
  size_t bytes;

  SavedPass(const NetworkShape &shape, long batch, void *base, bool saving) : layers(saving ? shape.layers : 1) {
    Cutter cutter(base);
    const long rows = shape.rows(batch), D = shape.hidden;
    for (SavedLayer<T> &layer : layers) {
      layer = {};
      layer.x = cutter.take<T>(rows * D);
      if (shape.attention()) {
        layer.qkv = cutter.take<T>(rows * 3 * D);
        layer.context = cutter.take<T>(rows * D);
        layer.logSums = cutter.take<float>(rows * shape.heads);
        layer.mixerScales = cutter.take<float>(rows);
      } else if (shape.byPosition()) {
        layer.mixerGateUp = cutter.take<T>(2 * shape.mixerInner * batch * D);
        layer.mixerScales = cutter.take<float>(batch * D);
        if (shape.normed) layer.mixerInnerScales = cutter.take<float>(batch * D);
      }
      layer.mixed = saving && shape.mixer == Mixer::none ? layer.x : cutter.take<T>(rows * D);
      if (!shape.feedsForward()) continue;
      layer.gateUp = saving ? cutter.take<T>(rows * 2 * shape.inner) : nullptr;
      layer.scales = cutter.take<float>(rows);
      if (shape.normed) layer.innerScales = cutter.take<float>(rows);
    }
    y = saving ? cutter.take<T>(rows * D) : layers[0].x;
    bytes = cutter.used();
  }
};

/** Rows whose activations of the wide products lie in memory at once: bounds it, and fixes the order of sums. */
constexpr long kBlockRows = 1 << 16;

/** The network's sizes with the length of these samples. */
inline NetworkShape shapeOf(const PackedNetwork &network, const Samples &samples) {
  NetworkShape shape = network.shape;
  shape.positions = samples.positions;
  return shape;
}

inline HeadShape headShapeOf(const NetworkShape &shape, long batch) {
  const int size = static_cast<int>(shape.headSize());
  return {static_cast<int>(batch), static_cast<int>(shape.positions), static_cast<int>(shape.heads), size, 3 * shape.hidden,
          shape.hidden, 1.0f / std::sqrt(static_cast<float>(size))};
}

inline RowOrder rowOrderOf(const NetworkShape &shape, long batch) {
  return {static_cast<int>(batch), static_cast<int>(shape.positions), shape.byPosition()};
}

} // namespace trmesh
