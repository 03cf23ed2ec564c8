// Ops of sub-layers that are no part of the fused pass, on whole f32 arrays: convolution over positions with SiLU, gated norm,
// residual norm, the activation of SwiGLU, the selective scan, and the product of a projection in the engine's precision.
// Definitions: worker/ops. Every sum has an order given by the shapes alone.
#pragma once
#include <stdexcept>
#include "matmul.h"
#include "state-space.h"

namespace trmesh {

template <class P> class RowOps {
  static constexpr int W = P::W;
  typedef Wide<W, false> F32;
  static constexpr long kRows = 32;

public:
  explicit RowOps(Pool &pool) : pool_(pool), scan_(pool) {}

  /** Arrays and numbers by op, in the order that the op's own comment and worker/backends/native/sub-layer-ops.ts say. @throws std::invalid_argument */
  void run(RowOp op, const std::vector<Array> &arrays, const std::vector<double> &numbers) {
    given_ = &arrays;
    const auto real = [&](size_t i) {
      if (i >= numbers.size() || !(numbers[i] >= 0)) throw std::invalid_argument("a number is missing");
      return numbers[i];
    };
    const auto size = [&](size_t i) { return static_cast<long>(real(i)); };
    const auto eps = [&](size_t i) { return static_cast<float>(real(i)); };
    switch (op) {
      case RowOp::convolve: return convolve(size(0), size(1), size(2), size(3));
      case RowOp::convolveBack: return convolveBack(size(0), size(1), size(2), size(3));
      case RowOp::gate: return gate(size(0), size(1), eps(2));
      case RowOp::gateBack: return gateBack(size(0), size(1));
      case RowOp::norm: return norm(size(0), size(1), eps(2));
      case RowOp::normBack: return normBack(size(0), size(1));
      case RowOp::activate: return activate(size(0));
      case RowOp::activateBack: return activateBack(size(0));
      case RowOp::scan: return scan({size(0), size(1), size(2), size(3), size(4)});
      case RowOp::scanBack: return scanBack({size(0), size(1), size(2), size(3), size(4)});
      case RowOp::product: return product(size(0), size(1), size(2), size(3) != 0, size(4) != 0);
    }
    throw std::invalid_argument("no such op");
  }

private:
  float *at(size_t i, long floats) const {
    if (i >= given_->size()) throw std::invalid_argument("an array is missing");
    const Array &array = (*given_)[i];
    if (array.length < floats)
      throw std::invalid_argument("array " + std::to_string(i) + " has " + std::to_string(array.length) + " floats, needs " +
                                  std::to_string(floats));
    return array.data;
  }

  template <class Body> void overRows(long rows, const Body &body) {
    pool_.run(divideUp(rows, kRows), [&](long i, int) {
      for (long r = i * kRows; r < std::min(rows, (i + 1) * kRows); r++) body(r);
    });
  }
  /** body(first, count) for stripes of columns, W or fewer. */
  template <class Body> void overColumns(long columns, const Body &body) {
    pool_.run(divideUp(columns, static_cast<long>(W)), [&](long i, int) {
      body(i * W, std::min(static_cast<long>(W), columns - i * W));
    });
  }
  static VF<W> load(const float *p, long count) {
    if (count >= W) return loadAs<VF<W>>(p);
    VF<W> v = splat<W>(0);
    for (long i = 0; i < count; i++) v[i] = p[i];
    return v;
  }
  static void store(float *p, VF<W> v, long count) {
    if (count >= W) return storeAs(p, v);
    for (long i = 0; i < count; i++) p[i] = v[i];
  }
  template <class Body> static void each(long columns, const Body &body) {
    for (long c = 0; c < columns; c += W) body(c, std::min(static_cast<long>(W), columns - c));
  }
  static VF<W> silu(VF<W> x) { return x * F32::sigmoid(x); }
  static VF<W> slope(VF<W> x) {
    const VF<W> s = F32::sigmoid(x), y = x * s;
    return s + y - y * s;
  }
  /** Columns of a small table (columns, taps): tap k of columns [c, c + count). */
  static VF<W> tap(const float *taps, long width, long k, long c, long count) {
    VF<W> v = splat<W>(0);
    for (long i = 0; i < count; i++) v[i] = taps[(c + i) * width + k];
    return v;
  }

  /** x, taps, bias -> y, a */
  void convolve(long batch, long S, long C, long K) {
    const long all = batch * S * C;
    const float *x = at(0, all), *taps = at(1, C * K), *bias = at(2, C);
    float *y = at(3, all), *a = at(4, all);
    overColumns(C, [&](long c, long count) {
      const VF<W> base = load(bias + c, count);
      VF<W> w[kMaxTaps];
      for (long k = 0; k < K; k++) w[k] = tap(taps, K, k, c, count);
      for (long r = 0; r < batch * S; r++) {
        const long t = r % S;
        VF<W> total = base;
        for (long k = 0; k < K; k++)
          if (t - K + 1 + k >= 0) total += w[k] * load(x + (r - K + 1 + k) * C + c, count);
        store(a + r * C + c, total, count);
        store(y + r * C + c, silu(total), count);
      }
    });
  }

  /** x, a, taps, dy -> dx; dTaps, dBias grow */
  void convolveBack(long batch, long S, long C, long K) {
    const long all = batch * S * C;
    const float *x = at(0, all), *a = at(1, all), *taps = at(2, C * K), *dy = at(3, all);
    float *dx = at(4, all), *dTaps = at(5, C * K), *dBias = at(6, C);
    overColumns(C, [&](long c, long count) {
      VF<W> w[kMaxTaps], dw[kMaxTaps], later[kMaxTaps];
      for (long k = 0; k < K; k++) {
        w[k] = tap(taps, K, k, c, count);
        dw[k] = later[k] = splat<W>(0);
      }
      VF<W> total = splat<W>(0);
      // `later[j]` is da of j positions ahead; dx_t = sum_j taps_(K-1-j) da_(t+j).
      for (long r = batch * S - 1; r >= 0; r--) {
        const long t = r % S;
        for (long j = K - 1; j > 0; j--) later[j] = t == S - 1 ? splat<W>(0) : later[j - 1];
        later[0] = load(dy + r * C + c, count) * slope(load(a + r * C + c, count));
        total += later[0];
        VF<W> d = splat<W>(0);
        const VF<W> here = load(x + r * C + c, count);
        for (long j = 0; j < K; j++) {
          d += w[K - 1 - j] * later[j];
          dw[K - 1 - j] += here * later[j];
        }
        store(dx + r * C + c, d, count);
      }
      for (long i = 0; i < count; i++) {
        dBias[c + i] += total[i];
        for (long k = 0; k < K; k++) dTaps[(c + i) * K + k] += dw[k][i];
      }
    });
  }

  /** v, z, gain -> y, r (rows) */
  void gate(long rows, long E, float eps) {
    const float *v = at(0, rows * E), *z = at(1, rows * E), *gain = at(2, E);
    float *y = at(3, rows * E), *scales = at(4, rows);
    overRows(rows, [&](long r) {
      const float *from = v + r * E, *by = z + r * E;
      float *to = y + r * E;
      VF<W> squares = splat<W>(0);
      each(E, [&](long c, long count) {
        const VF<W> g = load(from + c, count) * silu(load(by + c, count));
        squares += g * g;
        store(to + c, g, count);
      });
      const float scale = 1.0f / std::sqrt(sum<W>(squares) / static_cast<float>(E) + eps);
      scales[r] = scale;
      each(E, [&](long c, long count) { store(to + c, load(to + c, count) * scale * load(gain + c, count), count); });
    });
  }

  /** v, z, gain, r, dy -> dv, dz; dGain grows */
  void gateBack(long rows, long E) {
    const float *v = at(0, rows * E), *z = at(1, rows * E), *gain = at(2, E), *scales = at(3, rows), *dy = at(4, rows * E);
    float *dv = at(5, rows * E), *dz = at(6, rows * E), *dGain = at(7, E);
    overRows(rows, [&](long r) {
      const long row = r * E;
      VF<W> products = splat<W>(0);
      each(E, [&](long c, long count) {
        const VF<W> g = load(v + row + c, count) * silu(load(z + row + c, count));
        products += g * load(dy + row + c, count) * load(gain + c, count);
      });
      const float scale = scales[r], mean = sum<W>(products) * scale / static_cast<float>(E);
      each(E, [&](long c, long count) {
        const VF<W> value = load(v + row + c, count), by = load(z + row + c, count), open = silu(by);
        const VF<W> dg = (load(dy + row + c, count) * load(gain + c, count) - value * open * (scale * mean)) * scale;
        store(dv + row + c, dg * open, count);
        store(dz + row + c, dg * value * slope(by), count);
      });
    });
    overColumns(E, [&](long c, long count) {
      VF<W> total = splat<W>(0);
      for (long r = 0; r < rows; r++)
        total += load(dy + r * E + c, count) * load(v + r * E + c, count) * silu(load(z + r * E + c, count)) * scales[r];
      store(dGain + c, load(dGain + c, count) + total, count);
    });
  }

  /** a, b -> y, r (rows) */
  void norm(long rows, long n, float eps) {
    const float *a = at(0, rows * n), *b = at(1, rows * n);
    float *y = at(2, rows * n), *scales = at(3, rows);
    overRows(rows, [&](long r) {
      VF<W> squares = splat<W>(0);
      each(n, [&](long c, long count) {
        const VF<W> s = load(a + r * n + c, count) + load(b + r * n + c, count);
        squares += s * s;
        store(y + r * n + c, s, count);
      });
      const float scale = 1.0f / std::sqrt(sum<W>(squares) / static_cast<float>(n) + eps);
      scales[r] = scale;
      each(n, [&](long c, long count) { store(y + r * n + c, load(y + r * n + c, count) * scale, count); });
    });
  }

  /** y, r, dy -> ds */
  void normBack(long rows, long n) {
    const float *y = at(0, rows * n), *scales = at(1, rows), *dy = at(2, rows * n);
    float *ds = at(3, rows * n);
    overRows(rows, [&](long r) {
      VF<W> products = splat<W>(0);
      each(n, [&](long c, long count) { products += load(y + r * n + c, count) * load(dy + r * n + c, count); });
      const float mean = sum<W>(products) / static_cast<float>(n);
      each(n, [&](long c, long count) {
        store(ds + r * n + c, (load(dy + r * n + c, count) - load(y + r * n + c, count) * mean) * scales[r], count);
      });
    });
  }

  /** Elements in stripes. */
  template <class Body> void overElements(long n, const Body &body) {
    constexpr long kStripe = 1 << 13;
    pool_.run(divideUp(n, kStripe), [&](long i, int) {
      const long first = i * kStripe;
      each(std::min(kStripe, n - first), [&](long c, long count) { body(first + c, count); });
    });
  }
  /** gate, up -> silu(gate) up */
  void activate(long n) {
    const float *gates = at(0, n), *ups = at(1, n);
    float *y = at(2, n);
    overElements(n, [&](long i, long count) { store(y + i, silu(load(gates + i, count)) * load(ups + i, count), count); });
  }
  /** gate, up, dy -> dGate, dUp */
  void activateBack(long n) {
    const float *gates = at(0, n), *ups = at(1, n), *dy = at(2, n);
    float *dGate = at(3, n), *dUp = at(4, n);
    overElements(n, [&](long i, long count) {
      const VF<W> g = load(gates + i, count), d = load(dy + i, count);
      store(dUp + i, d * silu(g), count);
      store(dGate + i, d * load(ups + i, count) * slope(g), count);
    });
  }

  ScanArrays scanArrays(const ScanShape &s) const {
    return {at(0, s.rows() * s.channels()), at(1, s.rows() * s.states), at(2, s.rows() * s.states), at(3, s.rows() * s.heads),
            at(4, s.heads),                 at(5, s.heads),             at(6, s.heads)};
  }
  /** x, b, c, raw, dtBias, aLog, d -> y */
  void scan(const ScanShape &s) { scan_.forward(s, scanArrays(s), at(7, s.rows() * s.channels())); }
  /** x, b, c, raw, dtBias, aLog, d, dy -> dx, db, dc, dRaw; dDtBias, dALog, dD grow */
  void scanBack(const ScanShape &s) {
    scan_.backward(s, scanArrays(s), at(7, s.rows() * s.channels()),
                   {at(8, s.rows() * s.channels()), at(9, s.rows() * s.states), at(10, s.rows() * s.states),
                    at(11, s.rows() * s.heads), at(12, s.heads), at(13, s.heads), at(14, s.heads)});
  }

  /** a, b -> c (m, n) = a b, either stored transposed, operands rounded to the engine's precision */
  void product(long m, long k, long n, bool flipA, bool flipB) {
    product_.run(pool_, at(0, m * k), at(1, k * n), at(2, m * n), 1, m, k, n, flipA, flipB, false);
  }

  static constexpr long kMaxTaps = 8;
  Pool &pool_;
  SelectiveScan<W> scan_;
  MatMul<P> product_;
  const std::vector<Array> *given_ = nullptr;
};

} // namespace trmesh
