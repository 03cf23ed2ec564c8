// One pass of the network (spec 1.4): per layer the mixing over positions and SwiGLU over channels, each with its residual
// norm. A pass is a few stages; inside a stage every task goes through several products on rows that stay in the cache.
#pragma once
#include "attention.h"
#include "engine.h"
#include "swiglu.h"
#include "weight-gradient.h"

namespace trmesh {

template <class P> struct PackedLayer {
  typedef typename P::Elem Elem;
  /** x W^T and dy W of the attention's projections. */
  Panels qkv, qkvBack, o, oBack;
  /** Left operands of the MLP mixer, rows padded: gate and up (2F, S), down (S, F), and both transposed. */
  Elem *mixerGateUp, *mixerDown, *mixerGateUpBack, *mixerDownBack;
  Panels gateUp, gateUpBack, down, downBack;
};

template <class P> class Packed final : public PackedNetwork {
  typedef typename P::Elem Elem;

public:
  explicit Packed(const NetworkShape &shape) {
    this->shape = shape;
    layers.resize(shape.layers);
    Carver measure(nullptr);
    carve(measure);
    Carver carver(memory_.take<char>(measure.used()));
    carve(carver);
  }

  std::vector<PackedLayer<P>> layers;

private:
  void carve(Carver &carver) {
    const long D = shape.hidden, F = shape.inner, S = shape.positions, G = shape.mixerInner;
    const auto panels = [&](long lanes, long summed) {
      return Panels{carver.take<uint32_t>(panelUnits<P>(lanes, summed)), unitsOf<P>(summed), padded<P>(lanes) / P::NR};
    };
    const auto rows = [&](long height, long width) { return carver.take<Elem>((height + kSpareRows) * padded<P>(width)); };
    for (PackedLayer<P> &layer : layers) {
      if (shape.attention) {
        layer.qkv = panels(3 * D, D);
        layer.qkvBack = panels(D, 3 * D);
        layer.o = panels(D, D);
        layer.oBack = panels(D, D);
      } else {
        layer.mixerGateUp = rows(2 * G, S);
        layer.mixerDown = rows(S, G);
        layer.mixerGateUpBack = rows(S, 2 * G);
        layer.mixerDownBack = rows(G, S);
      }
      layer.gateUp = panels(2 * F, D);
      layer.gateUpBack = panels(D, 2 * F);
      layer.down = panels(D, F);
      layer.downBack = panels(F, D);
    }
  }

  Memory memory_;
};

/** The sizes of one pass: those of its network, at the length of its samples. */
inline NetworkShape shapeOf(const PackedNetwork &network, const Samples &samples) {
  NetworkShape shape = network.shape;
  shape.positions = samples.positions;
  return shape;
}

/** What a pass keeps for backward, per layer. Rows are padded to whole panels. Without backward all layers share the first one's. */
template <class P> struct SavedLayer {
  typedef typename P::Elem Elem;
  Elem *x, *qkv, *context, *mixed, *gateUp, *mixerGateUp;
  float *logSums, *mixerScales, *scales;
  /** Of the norm inside SwiGLU: a row, or (MLP mixer) a lane. */
  float *innerScales, *mixerInnerScales;
};
template <class P> struct SavedPass {
  std::vector<SavedLayer<P>> layers;
  typename P::Elem *y;
  long bytes;

  SavedPass(const NetworkShape &shape, long batch, void *base, bool saving) : layers(saving ? shape.layers : 1) {
    typedef typename P::Elem Elem;
    Carver carver(base);
    const long S = shape.positions, rows = batch * S, D = padded<P>(shape.hidden), spare = rows + kSpareRows;
    for (SavedLayer<P> &layer : layers) {
      layer.x = carver.take<Elem>(spare * D);
      if (shape.attention) {
        layer.qkv = carver.take<Elem>(spare * padded<P>(3 * shape.hidden));
        layer.context = carver.take<Elem>(spare * D);
        layer.logSums = carver.take<float>(rows * shape.heads);
        layer.mixerScales = carver.take<float>(rows);
        layer.mixerGateUp = nullptr;
      } else {
        layer.qkv = layer.context = nullptr;
        layer.logSums = nullptr;
        layer.mixerScales = carver.take<float>(batch * D);
        layer.mixerGateUp = saving ? carver.take<Elem>(batch * 2 * shape.mixerInner * D) : nullptr;
      }
      layer.mixed = shape.inner > 0 ? carver.take<Elem>(spare * D) : nullptr;
      layer.gateUp = saving ? carver.take<Elem>(rows * 2 * shape.inner) : nullptr;
      layer.scales = carver.take<float>(rows);
      layer.innerScales = shape.normed ? carver.take<float>(rows) : nullptr;
      layer.mixerInnerScales = shape.normed && !shape.attention ? carver.take<float>(batch * D) : nullptr;
    }
    y = carver.take<Elem>(spare * D);
    // What the mixer gives is the layer's result already; a pass that keeps nothing works in place.
    if (shape.inner == 0)
      for (size_t i = 0; i < layers.size(); i++) layers[i].mixed = !saving ? layers[i].x : i + 1 < layers.size() ? layers[i + 1].x : y;
    bytes = carver.used();
  }
};

} // namespace trmesh
