// A pass back, from the gradient of its output to those of its input and its weights. Every sum has an order that is a function
// of the shapes alone.
#pragma once
#include <initializer_list>
#include "attend.h"
#include "blocks.cuh"
#include "columns.cuh"
#include "network.h"
#include "normed-swiglu.cuh"

namespace trmesh {

template <class T> class Backward {
public:
  Backward(Runtime &runtime, Products &products) : runtime_(runtime), products_(products), flow_(runtime), wide_(runtime) {}

  /** dh from dy; gradients of the weights are added to `gradients`. saved: as Forward::run left it, and leaves it. */
  void run(const Packed<T> &packed, const void *saved, const float *dy, const Samples &samples, float *dh,
           const std::vector<LayerGradients> &gradients) {
    const NetworkShape shape = shapeOf(packed, samples);
    const long batch = samples.count;
    const SavedPass<T> pass(shape, batch, const_cast<void *>(saved), true);
    const RowOrder order = rowOrderOf(shape, batch);
    const long items = batch * shape.positions * shape.hidden / 8;
    T *flow = static_cast<T *>(flow_.take(static_cast<size_t>(shape.rows(batch) * shape.hidden) * sizeof(T)));
    const float *none = nullptr;
    trmesh::run(runtime_.stream(), overItems(items), enterRows<T>, dy, none, flow, order, shape.hidden);
    for (long i = shape.layers - 1; i >= 0; i--) {
      const SavedLayer<T> &at = pass.layers[i];
      const T *y = i + 1 < shape.layers ? pass.layers[i + 1].x : pass.y;
      const T *mixed = shape.feedsForward() ? at.mixed : y;
      if (shape.feedsForward()) feedForwardBack(shape, packed.layers[i], at, y, batch, flow, gradients[i]);
      if (shape.attention()) attentionBack(shape, packed.layers[i], at, mixed, samples, flow, gradients[i]);
      else if (shape.byPosition()) positionsBack(shape, packed.layers[i], at, mixed, batch, flow, gradients[i]);
    }
    trmesh::run(runtime_.stream(), overItems(items), leaveRows<T>, flow, dh, order, shape.hidden);
  }

private:
  /** Rows [0, rows) of a weight's gradient, which follow each other along dy's columns. */
  struct Piece {
    float *into;
    long rows;
  };

  /** += dy (count, all pieces' rows; stride apart)^T x (count, columns). Pieces that touch are one product. */
  void addGradient(const T *dy, long stride, const T *x, long count, long columns, std::initializer_list<Piece> pieces) {
    const Piece *next = pieces.begin();
    for (long first = 0; next != pieces.end();) {
      float *into = next->into;
      long rows = next->rows;
      for (++next; next != pieces.end() && next->into == into + rows * columns; ++next) rows += next->rows;
      products_.multiply(numberOf<T>, Operand(dy + first, stride, true), Operand(x, columns), Number::f32, into, columns, rows,
                         columns, count, 1);
      first += rows;
    }
  }

  /** out (rows, columns) <- dy (rows, summed) w (summed, columns) + beta out. */
  void through(const T *dy, const T *w, T *out, long rows, long columns, long summed, float beta) {
    products_.multiply(numberOf<T>, Operand(dy, summed), Operand(w, columns), numberOf<T>, out, columns, rows, columns, summed,
                       beta);
  }

  void normBack(const NetworkShape &shape, const T *y, const float *scales, T *flow, long rows) {
    trmesh::run(runtime_.stream(), overRows(rows), normRowsBackFor<T>(shape.hidden), y, scales, flow, flow, rows, shape.hidden);
  }

  /** scales: those of the norm inside, or null; slides: room for as many. */
  void activateUnitsBack(const T *gates, T *dGates, T *act, const GateLayout &at, float *scales, float *slides) {
    if (scales == nullptr) slides = nullptr;
    else innerSlides(runtime_.stream(), gates, act, at, scales, slides);
    trmesh::run(runtime_.stream(), overItems(at.rows * at.width / 8), activateBack<T>, gates, dGates, act, at, scales, slides);
  }

  void feedForwardBack(const NetworkShape &shape, const PackedLayer<T> &layer, const SavedLayer<T> &at, const T *y, long batch,
                       T *flow, const LayerGradients &gradients) {
    // The mixer's padding rows lie behind the others and have no gradient.
    const long D = shape.hidden, F = shape.inner, rows = batch * shape.positions, block = rows < kBlockRows ? rows : kBlockRows;
    Cutter measure(nullptr);
    measure.take<T>(block * F), measure.take<T>(block * 2 * F), measure.take<float>(block);
    Cutter cutter(wide_.take(measure.used()));
    T *act = cutter.take<T>(block * F), *dGateUp = cutter.take<T>(block * 2 * F);
    float *slides = cutter.take<float>(block);
    normBack(shape, y, at.scales, flow, rows);
    for (long first = 0; first < rows; first += block) {
      const long here = rows - first < block ? rows - first : block;
      T *ds = flow + first * D;
      through(ds, layer.down, act, here, F, D, 0);
      activateUnitsBack(at.gateUp + first * 2 * F, dGateUp, act, {here, F, 2 * F, F, false},
                        shape.normed ? at.innerScales + first : nullptr, slides);
      addGradient(ds, D, act, here, F, {{gradients.down, D}});
      addGradient(dGateUp, 2 * F, at.mixed + first * D, here, D, {{gradients.gate, F}, {gradients.up, F}});
      through(dGateUp, layer.gateUp, ds, here, D, 2 * F, 1);
    }
  }

  void attentionBack(const NetworkShape &shape, const PackedLayer<T> &layer, const SavedLayer<T> &at, const T *mixed,
                     const Samples &samples, T *flow, const LayerGradients &gradients) {
    const long D = shape.hidden, rows = shape.rows(samples.count);
    Cutter measure(nullptr);
    const auto cut = [&](Cutter &cutter, T *&dContext, T *&dQkv, float *&inner) {
      dContext = cutter.take<T>(rows * D);
      dQkv = cutter.take<T>(rows * 3 * D);
      inner = cutter.take<float>(rows * shape.heads);
    };
    T *dContext, *dQkv;
    float *inner;
    cut(measure, dContext, dQkv, inner);
    Cutter cutter(wide_.take(measure.used()));
    cut(cutter, dContext, dQkv, inner);
    normBack(shape, mixed, at.mixerScales, flow, rows);
    through(flow, layer.o, dContext, rows, D, D, 0);
    const HeadShape heads = headShapeOf(shape, samples.count);
    trmesh::run(runtime_.stream(), overItems(rows * shape.heads), attendInner<T>, at.context, dContext, inner, heads);
    attendBack(runtime_.stream(), at.qkv, dContext, at.logSums, inner, dQkv, heads, samples.rope);
    addGradient(flow, D, at.context, rows, D, {{gradients.o, D}});
    addGradient(dQkv, 3 * D, at.x, rows, D, {{gradients.q, D}, {gradients.k, D}, {gradients.v, D}});
    through(dQkv, layer.qkv, flow, rows, D, 3 * D, 1);
  }

  void positionsBack(const NetworkShape &shape, const PackedLayer<T> &layer, const SavedLayer<T> &at, const T *mixed, long batch,
                     T *flow, const LayerGradients &gradients) {
    const long S = shape.padded(), G = shape.mixerInner, columns = batch * shape.hidden;
    const Number number = numberOf<T>;
    Cutter measure(nullptr);
    measure.take<T>(G * columns), measure.take<T>(2 * G * columns), measure.take<float>(2 * G * S);
    measure.take<float>(columns);
    Cutter cutter(wide_.take(measure.used()));
    T *act = cutter.take<T>(G * columns), *dGateUp = cutter.take<T>(2 * G * columns);
    float *dWeights = cutter.take<float>(2 * G * S), *slides = cutter.take<float>(columns);
    trmesh::run(runtime_.stream(), overColumns(columns), normColumnsBack<T>, mixed, at.mixerScales, flow, flow, shape.positions,
                S, columns);
    products_.multiply(number, Operand(layer.mixerDown, G, true), Operand(flow, columns), number, act, columns, G, columns, S,
                       0);
    activateUnitsBack(at.mixerGateUp, dGateUp, act, {G, columns, columns, G * columns, true}, at.mixerInnerScales, slides);
    products_.multiply(number, Operand(flow, columns), Operand(act, columns, true), Number::f32, gradients.mixerDown, G,
                       shape.positions, G, columns, 1);
    products_.multiply(number, Operand(dGateUp, columns), Operand(at.x, columns, true), Number::f32, dWeights, S, 2 * G, S,
                       columns, 0);
    for (int half = 0; half < 2; half++)
      trmesh::run(runtime_.stream(), overItems(G * shape.positions), addBlock, dWeights + half * G * S, S,
                  half == 0 ? gradients.mixerGate : gradients.mixerUp, shape.positions, G, shape.positions);
    products_.multiply(number, Operand(layer.mixerGateUp, S, true), Operand(dGateUp, columns), number, flow, columns, S, columns,
                       2 * G, 1);
  }

  Runtime &runtime_;
  Products &products_;
  Room flow_, wide_;
};

} // namespace trmesh
