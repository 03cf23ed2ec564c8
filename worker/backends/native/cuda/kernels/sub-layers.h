// Ops of sub-layers that are no part of the fused pass, as JavaScript asks for them: by name, on arrays of the device. Definitions:
// worker/ops; arrays and numbers in the order that worker/backends/native/sub-layer-ops.ts gives them, results behind what is
// read, and behind them what is added to.
#pragma once
#include <map>
#include "blocks.cuh"
#include "engine.h"
#include "state-space.cuh"

namespace trmesh {

template <class T> class SubLayers {
public:
  SubLayers(Runtime &runtime, Products &products)
      : runtime_(runtime), products_(products), operands_(runtime), states_(runtime), flows_(runtime), parts_(runtime) {}

  /** @throws std::invalid_argument in words: no such op, an array that is missing or too short */
  void run(const std::string &op, const std::vector<Span> &arrays, const std::vector<double> &numbers) {
    static const std::map<std::string, void (SubLayers::*)()> all = {
        {"convolve", &SubLayers::convolve}, {"convolveBack", &SubLayers::convolveBack}, {"gate", &SubLayers::gate},
        {"gateBack", &SubLayers::gateBack}, {"norm", &SubLayers::norm},                 {"normBack", &SubLayers::normBack},
        {"activate", &SubLayers::activate}, {"activateBack", &SubLayers::activateBack}, {"scan", &SubLayers::scan},
        {"scanBack", &SubLayers::scanBack}, {"product", &SubLayers::product},           {"reverse", &SubLayers::reverse}};
    const auto found = all.find(op);
    if (found == all.end()) throw std::invalid_argument("the CUDA engine has no op " + op);
    arrays_ = &arrays;
    numbers_ = &numbers;
    (this->*found->second)();
  }

private:
  float *at(size_t i, long floats) const {
    if (i >= arrays_->size()) throw std::invalid_argument("an array is missing");
    const Span &array = (*arrays_)[i];
    if (array.length < floats)
      throw std::invalid_argument("array " + std::to_string(i) + " has " + std::to_string(array.length) + " floats, needs " +
                                  std::to_string(floats));
    return array.data;
  }
  double real(size_t i) const {
    if (i >= numbers_->size() || !((*numbers_)[i] >= 0)) throw std::invalid_argument("a number is missing");
    return (*numbers_)[i];
  }
  long size(size_t i) const { return static_cast<long>(real(i)); }
  float eps(size_t i) const { return static_cast<float>(real(i)); }
  template <class... P, class... A> void launch(const Launch &how, void (*kernel)(P...), A... args) {
    trmesh::run(runtime_.stream(), how, kernel, args...);
  }

  /** Sums over rows of what each adds to its columns, added to memory: `into`, of so many sums of a column each, in order. */
  struct Sum {
    float *into;
    long count;
  };
  template <class Terms> void addSums(const Terms &terms, long rows, long columns, std::initializer_list<std::pair<long, Sum>> sums) {
    const long number = divideUp(rows, kRowsPerSum);
    float *parts = floatsOf(parts_, number * Terms::kMost * columns);
    launch({dim3(static_cast<unsigned>(divideUp(columns, kWarp)), static_cast<unsigned>(number)), dim3(kSumWarps * kWarp),
            Terms::kMost * kSumWarps * kWarp * sizeof(float)},
           columnSums<Terms>, terms, rows, columns, parts);
    for (const auto &[first, sum] : sums)
      launch(overItems(sum.count * columns), addColumnSums, parts, number, static_cast<long>(Terms::kMost), first, sum.count, columns,
             sum.into);
  }
  static float *floatsOf(Room &room, long count) { return static_cast<float *>(room.take(static_cast<size_t>(count) * sizeof(float))); }

  ConvShape convShape() const {
    const ConvShape shape{size(0) * size(1), size(1), size(2), size(3)};
    if (shape.taps > kMostTaps) throw std::invalid_argument("a convolution has at most " + std::to_string(kMostTaps) + " taps");
    return shape;
  }
  /** x, taps, bias -> y, a */
  void convolve() {
    const ConvShape s = convShape();
    const long all = s.rows * s.columns;
    launch(overItems(all), trmesh::convolve, at(0, all), at(1, s.columns * s.taps), at(2, s.columns), at(3, all), at(4, all), s);
  }
  /** x, a, taps, dy -> dx; dTaps, dBias grow */
  void convolveBack() {
    const ConvShape s = convShape();
    const long all = s.rows * s.columns;
    const float *x = at(0, all), *a = at(1, all), *dy = at(3, all);
    launch(overItems(all), trmesh::convolveBack, a, at(2, s.columns * s.taps), dy, at(4, all), s);
    addSums(ConvTerms{x, a, dy, s}, s.rows, s.columns,
            {{0, Sum{at(5, s.columns * s.taps), s.taps}}, {kMostTaps, Sum{at(6, s.columns), 1}}});
  }

  /** v, z, gain -> y, r (rows) */
  void gate() {
    const long rows = size(0), n = size(1), all = rows * n;
    launch(overRows(rows), gateRows, at(0, all), at(1, all), at(2, n), at(3, all), at(4, rows), rows, n, eps(2));
  }
  /** v, z, gain, r, dy -> dv, dz; dGain grows */
  void gateBack() {
    const long rows = size(0), n = size(1), all = rows * n;
    const float *v = at(0, all), *z = at(1, all), *scales = at(3, rows), *dy = at(4, all);
    launch(overRows(rows), gateRowsBack, v, z, at(2, n), scales, dy, at(5, all), at(6, all), rows, n);
    addSums(GainTerms{v, z, scales, dy, n}, rows, n, {{0, Sum{at(7, n), 1}}});
  }

  /** a, b -> y, r (rows) */
  void norm() {
    const long rows = size(0), n = size(1), all = rows * n;
    launch(overRows(rows), addNormRows, at(0, all), at(1, all), at(2, all), at(3, rows), rows, n, eps(2));
  }
  /** y, r, dy -> ds */
  void normBack() {
    const long rows = size(0), n = size(1), all = rows * n;
    launch(overRows(rows), addNormRowsBack, at(0, all), at(1, rows), at(2, all), at(3, all), rows, n);
  }

  /** gate, up -> silu(gate) up */
  void activate() {
    const long n = size(0);
    launch(overItems(n), activateFlat, at(0, n), at(1, n), at(2, n), n);
  }
  /** gate, up, dy -> dGate, dUp */
  void activateBack() {
    const long n = size(0);
    launch(overItems(n), activateFlatBack, at(0, n), at(1, n), at(2, n), at(3, n), at(4, n), n);
  }

  /** x -> y; numbers: rows, positions, columns */
  void reverse() {
    const long rows = size(0), columns = size(2);
    launch(overItems(rows * columns), reverseRows, at(0, rows * columns), at(1, rows * columns), rows, size(1), columns);
  }

  /** a, b -> c (m, n) = a b, either stored transposed, operands rounded to the engine's precision */
  void product() {
    const long m = size(0), k = size(1), n = size(2);
    const bool flipA = size(3) != 0, flipB = size(4) != 0;
    const float *a = at(0, m * k), *b = at(1, k * n);
    // Rows of bf16 begin at multiples of 16 bytes, and its products have multiples of 8 columns: what is more is zero, and cut off.
    const long wide = roundUp(n, 8), rowsA = flipA ? k : m, columnsA = flipA ? m : k, rowsB = flipB ? n : k, columnsB = flipB ? k : n;
    const long strideA = roundUp(columnsA, 8), strideB = roundUp(columnsB, 8), linesB = flipB ? wide : k;
    Cutter measure(nullptr);
    measure.take<T>(rowsA * strideA), measure.take<T>(linesB * strideB), measure.take<float>(wide > n ? m * wide : 0);
    Cutter cutter(operands_.take(measure.used()));
    T *left = cutter.take<T>(rowsA * strideA), *right = cutter.take<T>(linesB * strideB);
    float *out = at(2, m * n), *whole = wide > n ? cutter.take<float>(m * wide) : out;
    launch(overItems(rowsA * strideA), packBlock<T>, a, rowsA, columnsA, columnsA, left, rowsA, strideA);
    launch(overItems(linesB * strideB), packBlock<T>, b, rowsB, columnsB, columnsB, right, linesB, strideB);
    products_.multiply(numberOf<T>, Operand(left, strideA, flipA), Operand(right, strideB, flipB), Number::f32, whole, wide, m, wide, k,
                       0);
    if (wide > n) launch(overItems(m * n), moveBlock, whole, wide, out, n, m, n);
  }

  /** Samples whose states lie in memory at once: bounds it. */
  long samplesAtOnce(const ScanShape &s) const {
#if defined(TRMESH_EMULATED)
    constexpr long kMostFloats = 1L << 14; // so that tests go through more than one group
#else
    constexpr long kMostFloats = 1L << 27;
#endif
    const long fit = kMostFloats / s.stateFloats();
    return fit < 1 ? 1 : fit < s.batch ? fit : s.batch;
  }
  struct Group {
    ScanShape shape;
    ScanArrays in;
    /** Rows before it. */
    long before;
  };
  /** body(group) for samples that go through the scan together. */
  template <class Body> void eachGroup(const Body &body) {
    const ScanShape s{size(0), size(1), size(2), size(3), size(4)};
    const ScanArrays in{at(0, s.rows() * s.channels()), at(1, s.rows() * s.states), at(2, s.rows() * s.states),
                        at(3, s.rows() * s.heads),      at(4, s.heads),             at(5, s.heads), at(6, s.heads)};
    const long most = samplesAtOnce(s);
    for (long first = 0; first < s.batch; first += most) {
      ScanShape shape = s;
      shape.batch = s.batch - first < most ? s.batch - first : most;
      const long before = first * s.positions;
      body(Group{shape, {in.x + before * s.channels(), in.b + before * s.states, in.c + before * s.states, in.raw + before * s.heads,
                         in.dtBias, in.aLog, in.d}, before});
    }
  }
  /** The states that enter the chunks; BACK: the gradients of those that leave them. */
  template <bool BACK> float *statesOf(const Group &group, const float *rows, Room &room) {
    const ScanShape &s = group.shape;
    const unsigned chunks = static_cast<unsigned>(s.chunks()), heads = static_cast<unsigned>(s.heads), samples = static_cast<unsigned>(s.batch);
    float *states = floatsOf(room, s.batch * (s.stateFloats() + s.chunks() * s.heads)), *decays = states + s.batch * s.stateFloats();
    const size_t shared = static_cast<size_t>(kChunk * (2 + s.size + s.states)) * sizeof(float);
    launch({dim3(chunks, heads, samples), dim3(kScanThreads), shared}, chunkStates<BACK>, s, group.in, rows, states, decays);
    launch(overItems(s.batch * s.heads * s.states * s.size), acrossChunks<BACK>, s, s.chunks(), states, decays);
    return states;
  }
  Launch overChunks(const ScanShape &s, bool back) const {
    return {dim3(static_cast<unsigned>(s.chunks()), static_cast<unsigned>(s.batch)), dim3(kScanThreads),
            static_cast<size_t>(chunkFloats(s, back)) * sizeof(float)};
  }
  /** x, b, c, raw, dtBias, aLog, d -> y */
  void scan() {
    eachGroup([&](const Group &group) {
      const ScanShape &s = group.shape;
      float *y = at(7, (group.before + s.rows()) * s.channels()) + group.before * s.channels();
      const float *states = statesOf<false>(group, group.in.x, states_);
      launch(overChunks(s, false), chunkOutputs, s, group.in, states, y);
    });
  }
  /** x, b, c, raw, dtBias, aLog, d, dy -> dx, db, dc, dRaw; dDtBias, dALog, dD grow */
  void scanBack() {
    eachGroup([&](const Group &group) {
      const ScanShape &s = group.shape;
      const auto of = [&](size_t i, long width) { return at(i, (group.before + s.rows()) * width) + group.before * width; };
      const float *dy = of(7, s.channels());
      const ScanGradients out{of(8, s.channels()), of(9, s.states), of(10, s.states), of(11, s.heads)};
      const float *states = statesOf<false>(group, group.in.x, states_), *flows = statesOf<true>(group, dy, flows_);
      const long lines = s.batch * s.chunks();
      float *parts = floatsOf(parts_, lines * 3 * s.heads);
      launch(overChunks(s, true), chunkGradients, s, group.in, dy, states, flows, out, parts);
      for (long q = 0; q < 3; q++)
        launch(overItems(s.heads), addColumnSums, parts, lines, 3L, q, 1L, s.heads, at(12 + static_cast<size_t>(q), s.heads));
    });
  }

  Runtime &runtime_;
  Products &products_;
  Room operands_, states_, flows_, parts_;
  const std::vector<Span> *arrays_ = nullptr;
  const std::vector<double> *numbers_ = nullptr;
};

} // namespace trmesh
