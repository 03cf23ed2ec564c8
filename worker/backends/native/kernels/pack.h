// Brings all weights of the network into the orders that the kernels read, panel by panel over all threads.
#pragma once
#include <functional>
#include "stages.h"

namespace trmesh {

inline uint32_t *mutableUnits(const Panels &panels) { return const_cast<uint32_t *>(panels.data); }

template <class P> void packNetwork(Stages<P> &stages, Packed<P> &packed, const std::vector<LayerWeights> &weights) {
  const NetworkShape &shape = packed.shape;
  const long D = shape.hidden, F = shape.inner, G = shape.mixerInner, S = shape.positions;
  std::vector<std::function<void(Memory &)>> tasks;
  const auto forward = [&](const StoredWeight &w, const Panels &to) {
    for (long p = 0; p < to.panels; p++)
      tasks.push_back([=](Memory &scratch) { packForward<P>(w, p * P::NR, scratch, mutableUnits(to) + p * to.units * P::NR); });
  };
  const auto backward = [&](const StoredWeight &w, const Panels &to) {
    for (long p = 0; p < to.panels; p++)
      tasks.push_back([=](Memory &scratch) { packBackward<P>(w, p * P::NR, scratch, mutableUnits(to) + p * to.units * P::NR); });
  };
  const auto left = [&](const StoredWeight &w, bool flip, typename P::Elem *to) {
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
    if (F == 0) continue;
    const StoredWeight gate{{w.gate}, F, D}, up{{w.up}, F, D}, both{{w.gate, w.up}, F, D, 2}, down{{w.down}, D, F};
    for (long p = 0; p < to.gateUp.panels; p++)
      tasks.push_back([=](Memory &scratch) {
        packForward<P>(p % 2 == 0 ? gate : up, p / 2 * P::NR, scratch, mutableUnits(to.gateUp) + p * to.gateUp.units * P::NR);
      });
    backward(both, to.gateUpBack);
    forward(down, to.down);
    backward(down, to.downBack);
  }
  stages.pool.run(static_cast<long>(tasks.size()), [&](long i, int thread) { tasks[i](stages.own[thread]); });
}

} // namespace trmesh
