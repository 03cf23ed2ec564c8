// A pass forward: per layer the mixing over positions and SwiGLU over channels, each with its residual norm.
#pragma once
#include "attend.h"
#include "columns.cuh"
#include "network.h"
#include "normed-swiglu.cuh"

namespace trmesh {

template <class T> class Forward {
public:
  Forward(Runtime &runtime, Products &products) : runtime_(runtime), products_(products), pass_(runtime), wide_(runtime) {}

  /** y <- network(h + injection), f32 (batch * positions, hidden). saved: null, or room for a SavedPass. */
  void run(const Packed<T> &packed, const float *h, const float *injection, const Samples &samples, float *y, void *saved) {
    const NetworkShape shape = shapeOf(packed, samples);
    const long batch = samples.count;
    const bool saving = saved != nullptr;
    if (!saving) saved = pass_.take(SavedPass<T>(shape, batch, nullptr, false).bytes);
    const SavedPass<T> pass(shape, batch, saved, saving);
    const RowOrder order = rowOrderOf(shape, batch);
    const long items = batch * shape.positions * shape.hidden / 8;
    T *first = pass.layers[0].x;
    if (shape.padded() > shape.positions)
      runtime_.clear(first + batch * shape.positions * shape.hidden,
                     static_cast<size_t>((shape.padded() - shape.positions) * batch * shape.hidden) * sizeof(T));
    trmesh::run(runtime_.stream(), overItems(items), enterRows<T>, h, injection, first, order, shape.hidden);
    for (long i = 0; i < shape.layers; i++) {
      const SavedLayer<T> &at = pass.layers[saving ? i : 0];
      T *next = !saving ? at.x : i + 1 < shape.layers ? pass.layers[i + 1].x : pass.y;
      T *mixed = shape.feedsForward() ? at.mixed : next;
      if (shape.attention()) mixByAttention(shape, packed.layers[i], at, samples, mixed);
      else if (shape.byPosition()) mixByPositions(shape, packed.layers[i], at, batch, mixed);
      if (!shape.feedsForward()) continue;
      const bool alone = shape.mixer == Mixer::none;
      feedForward(shape, packed.layers[i], at, shape.rows(batch), alone ? at.x : at.mixed, alone && !saving ? at.mixed : next, next);
    }
    trmesh::run(runtime_.stream(), overItems(items), leaveRows<T>, pass.y, y, order, shape.hidden);
  }

private:
  /** out (rows, columns) <- x (rows, summed) w^T. */
  void project(const T *x, const T *w, T *out, long rows, long columns, long summed) {
    products_.multiply(numberOf<T>, Operand(x, summed), Operand(w, summed, true), numberOf<T>, out, columns, rows, columns, summed, 0);
  }

  /** y may be either of x and the product. */
  void norm(const NetworkShape &shape, const T *x, const T *product, T *y, long rows, float *scales) {
    trmesh::run(runtime_.stream(), overRows(rows), normRowsFor<T>(shape.hidden), product, x, y, rows, shape.hidden, shape.eps,
                scales);
  }

  /** scales: those of the norm inside, or null. */
  void activateUnits(const NetworkShape &shape, const T *gates, T *act, const GateLayout &at, float *scales) {
    if (scales != nullptr) innerScales(runtime_.stream(), gates, at, shape.eps, scales);
    trmesh::run(runtime_.stream(), overItems(at.rows * at.width / 8), activate<T>, gates, act, at, scales);
  }

  void mixByAttention(const NetworkShape &shape, const PackedLayer<T> &layer, const SavedLayer<T> &at, const Samples &samples,
                      T *y) {
    const long D = shape.hidden, rows = shape.rows(samples.count);
    project(at.x, layer.qkv, at.qkv, rows, 3 * D, D);
    attend(runtime_.stream(), at.qkv, at.context, at.logSums, headShapeOf(shape, samples.count), samples.rope);
    project(at.context, layer.o, at.mixed, rows, D, D);
    norm(shape, at.x, at.mixed, y, rows, at.mixerScales);
  }

  void mixByPositions(const NetworkShape &shape, const PackedLayer<T> &layer, const SavedLayer<T> &at, long batch, T *y) {
    const long S = shape.padded(), G = shape.mixerInner, columns = batch * shape.hidden;
    const Number number = numberOf<T>;
    products_.multiply(number, Operand(layer.mixerGateUp, S), Operand(at.x, columns), number, at.mixerGateUp, columns, 2 * G, columns,
                       S, 0);
    T *act = static_cast<T *>(wide_.take(static_cast<size_t>(G * columns) * sizeof(T)));
    const GateLayout gates{G, columns, columns, G * columns, true};
    activateUnits(shape, at.mixerGateUp, act, gates, at.mixerInnerScales);
    products_.multiply(number, Operand(layer.mixerDown, G), Operand(act, columns), number, at.mixed, columns, S, columns, G, 0);
    trmesh::run(runtime_.stream(), overColumns(columns), normColumns<T>, at.mixed, at.x, y, shape.positions, S, columns,
                shape.eps, at.mixerScales);
  }

  /** product: room that is not x, and may be y. */
  void feedForward(const NetworkShape &shape, const PackedLayer<T> &layer, const SavedLayer<T> &at, long rows, const T *x, T *product,
                   T *y) {
    const long D = shape.hidden, F = shape.inner, block = rows < kBlockRows ? rows : kBlockRows;
    Cutter measure(nullptr);
    measure.take<T>(block * F);
    if (at.gateUp == nullptr) measure.take<T>(block * 2 * F);
    Cutter cutter(wide_.take(measure.used()));
    T *act = cutter.take<T>(block * F), *own = at.gateUp == nullptr ? cutter.take<T>(block * 2 * F) : nullptr;
    for (long first = 0; first < rows; first += block) {
      const long here = rows - first < block ? rows - first : block;
      T *gates = at.gateUp == nullptr ? own : at.gateUp + first * 2 * F;
      project(x + first * D, layer.gateUp, gates, here, 2 * F, D);
      activateUnits(shape, gates, act, {here, F, 2 * F, F, false}, shape.normed ? at.innerScales + first : nullptr);
      project(act, layer.down, product + first * D, here, D, F);
    }
    norm(shape, x, product, y, rows, at.scales);
  }

  Runtime &runtime_;
  Products &products_;
  Room pass_, wide_;
};

} // namespace trmesh
