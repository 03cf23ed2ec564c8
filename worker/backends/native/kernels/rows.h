// What happens to rows between products: the injection, the residual with its RMS norm and its way back, RoPE. Spec 1.4, 1.5.
// Rows are padded to whole panels; the padding is zero and stays zero.
#pragma once
#include <cmath>
#include "engine.h"
#include "products.h"

namespace trmesh {

/** out <- a + b, from f32 rows of `columns` to padded rows. */
template <class P>
void addRows(const float *a, const float *b, long rows, long columns, typename P::Elem *out) {
  constexpr int W = P::W;
  const long stride = padded<P>(columns);
  for (long r = 0; r < rows; r++, a += columns, b += columns, out += stride) {
    long c = 0;
    for (; c + W <= columns; c += W) P::store(out + c, loadAs<VF<W>>(a + c) + loadAs<VF<W>>(b + c));
    for (; c < columns; c++) out[c] = P::from(a[c] + b[c]);
    for (; c < stride; c++) out[c] = typename P::Elem{};
  }
}

/** Padded rows to f32 rows of `columns`, and back. */
template <class P> void readRows(const typename P::Elem *from, long rows, long columns, float *out) {
  constexpr int W = P::W;
  const long stride = padded<P>(columns);
  for (long r = 0; r < rows; r++, from += stride, out += columns) {
    long c = 0;
    for (; c + W <= columns; c += W) storeAs(out + c, P::load(from + c));
    for (; c < columns; c++) out[c] = P::to(from[c]);
  }
}
template <class P> void writeRows(const float *from, long rows, long columns, typename P::Elem *out) {
  constexpr int W = P::W;
  const long stride = padded<P>(columns);
  for (long r = 0; r < rows; r++, from += columns, out += stride) {
    long c = 0;
    for (; c + W <= columns; c += W) P::store(out + c, loadAs<VF<W>>(from + c));
    for (; c < columns; c++) out[c] = P::from(from[c]);
    for (; c < stride; c++) out[c] = typename P::Elem{};
  }
}

/** y <- s rsqrt(mean(s^2) + eps) in place over rows of `columns`; `scales` (rows) keeps the rsqrt unless it is null. */
template <class P>
void normRows(typename P::Elem *y, long rows, long columns, float eps, float *scales) {
  constexpr int W = P::W;
  const long stride = padded<P>(columns);
  for (long r = 0; r < rows; r++, y += stride) {
    VF<W> squares = splat<W>(0), more = splat<W>(0);
    for (long c = 0; c < stride; c += 2 * W) {
      const VF<W> s = P::load(y + c), t = P::load(y + c + W);
      squares += s * s;
      more += t * t;
    }
    const float scale = 1.0f / std::sqrt(sum<W>(squares + more) / static_cast<float>(columns) + eps);
    for (long c = 0; c < stride; c += W) P::store(y + c, P::load(y + c) * scale);
    if (scales != nullptr) scales[r] = scale;
  }
}

/** ds <- r (dy - y mean(y dy)). ds may be dy. */
template <class P>
void normRowsBack(const typename P::Elem *y, const float *scales, const typename P::Elem *dy, long rows, long columns,
                  typename P::Elem *ds) {
  constexpr int W = P::W;
  const long stride = padded<P>(columns);
  for (long r = 0; r < rows; r++, y += stride, dy += stride, ds += stride) {
    VF<W> products = splat<W>(0), more = splat<W>(0);
    for (long c = 0; c < stride; c += 2 * W) {
      products += P::load(y + c) * P::load(dy + c);
      more += P::load(y + c + W) * P::load(dy + c + W);
    }
    const float mean = sum<W>(products + more) / static_cast<float>(columns), scale = scales[r];
    for (long c = 0; c < stride; c += W) P::store(ds + c, (P::load(dy + c) - P::load(y + c) * mean) * scale);
  }
}

/** Turns one head's row by row `position` of the tables; direction -1 turns back. Load and Store move W or (as floats) single values. */
template <int W, class T, class Load, class Store>
void turnHead(T *x, long headSize, const Rope &rope, long position, float direction, const Load &load, const Store &store) {
  const long half = headSize / 2;
  const float *cos = rope.cos + position * headSize, *sin = rope.sin + position * headSize + half;
  long j = 0;
  for (; j + W <= half; j += W) {
    const VF<W> low = load.wide(x + j), high = load.wide(x + j + half), c = loadAs<VF<W>>(cos + j);
    const VF<W> s = loadAs<VF<W>>(sin + j) * direction;
    store.wide(x + j, low * c - high * s);
    store.wide(x + j + half, high * c + low * s);
  }
  for (; j < half; j++) {
    const float low = load.one(x[j]), high = load.one(x[j + half]), s = direction * sin[j];
    x[j] = store.one(low * cos[j] - high * s);
    x[j + half] = store.one(high * cos[j] + low * s);
  }
}

/** In activation precision. */
template <class P> void turnRow(typename P::Elem *x, long headSize, const Rope &rope, long position) {
  struct {
    VF<P::W> wide(const typename P::Elem *p) const { return P::load(p); }
    float one(typename P::Elem e) const { return P::to(e); }
  } load;
  struct {
    void wide(typename P::Elem *p, VF<P::W> v) const { P::store(p, v); }
    typename P::Elem one(float v) const { return P::from(v); }
  } store;
  turnHead<P::W>(x, headSize, rope, position, 1.0f, load, store);
}

/** A gradient, f32, back. */
template <int W> void turnRowBack(float *x, long headSize, const Rope &rope, long position) {
  struct {
    VF<W> wide(const float *p) const { return loadAs<VF<W>>(p); }
    float one(float v) const { return v; }
  } load;
  struct {
    void wide(float *p, VF<W> v) const { storeAs(p, v); }
    float one(float v) const { return v; }
  } store;
  turnHead<W>(x, headSize, rope, position, -1.0f, load, store);
}

/** Zeros behind `columns` in rows whose writers leave the padding alone. */
template <class P> void clearPadding(typename P::Elem *x, long rows, long columns) {
  const long stride = padded<P>(columns);
  if (stride == columns) return;
  for (long r = 0; r < rows; r++)
    for (long c = columns; c < stride; c++) x[r * stride + c] = typename P::Elem{};
}

} // namespace trmesh
