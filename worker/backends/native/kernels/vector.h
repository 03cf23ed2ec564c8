// Vectors of W floats as the compiler knows them, so that one source serves every instruction set: loads, bf16, exp
// and the transposition of 32-bit units. W is 4 (portable, arm64), 8 (AVX2) or 16 (AVX-512).
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

namespace trmesh {

template <int W> struct Lanes {
  typedef float F __attribute__((vector_size(W * 4)));
  typedef int32_t I __attribute__((vector_size(W * 4)));
  typedef uint32_t U __attribute__((vector_size(W * 4)));
  typedef uint16_t H __attribute__((vector_size(W * 2)));
};
template <int W> using VF = typename Lanes<W>::F;
template <int W> using VI = typename Lanes<W>::I;
template <int W> using VU = typename Lanes<W>::U;
template <int W> using VH = typename Lanes<W>::H;

typedef uint16_t bf16;

template <class V, class T> inline V loadAs(const T *p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T> inline void storeAs(T *p, V v) { std::memcpy(p, &v, sizeof v); }
template <class To, class From> inline To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <int W> inline VF<W> splat(float x) {
  if constexpr (W == 4) return VF<4>{x, x, x, x};
  else if constexpr (W == 8) return VF<8>{x, x, x, x, x, x, x, x};
  else return VF<16>{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

template <int W> inline float sum(VF<W> v) {
  float t[W];
  std::memcpy(t, &v, sizeof v);
  for (int half = W / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) t[i] += t[i + half];
  return t[0];
}
template <int W> inline float largest(VF<W> v) {
  float t[W];
  std::memcpy(t, &v, sizeof v);
  float most = t[0];
  for (int i = 1; i < W; i++) most = t[i] > most ? t[i] : most;
  return most;
}

/** Nearest bf16, ties to even; NaN stays NaN. */
template <int W> inline VU<W> roundedBits(VF<W> x) {
  const VU<W> u = bits<VU<W>>(x);
  const VU<W> rounded = u + 0x7fffu + ((u >> 16) & 1u);
  const VU<W> nan = (u & 0x7fffffffu) > 0x7f800000u;
  return (nan & (u | 0x400000u)) | (~nan & rounded);
}
template <int W> inline VF<W> roundToBf16(VF<W> x) { return bits<VF<W>>(roundedBits<W>(x) & 0xffff0000u); }
template <int W> inline VH<W> narrow(VF<W> x) { return __builtin_convertvector(roundedBits<W>(x) >> 16, VH<W>); }
template <int W> inline VF<W> widen(VH<W> h) { return bits<VF<W>>(__builtin_convertvector(h, VU<W>) << 16); }

/** e^x, relative error 2e-7; arguments are kept within [-87, 88], NaN stays NaN. */
template <int W> inline VF<W> exponential(VF<W> x) {
  x = x < -87.0f ? splat<W>(-87.0f) : x;
  x = x > 88.0f ? splat<W>(88.0f) : x;
  const VF<W> shifted = x * 1.44269504088896341f + 12582912.0f; // the integer lands in the low bits
  const VF<W> n = shifted - 12582912.0f;
  // ln 2 in two parts, so that the remainder is exact.
  VF<W> r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  // Taylor's series with the last terms adjusted: |r| <= ln(2) / 2.
  VF<W> p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const VI<W> power = (bits<VI<W>>(shifted) - bits<int32_t>(12582912.0f) + 127) << 23;
  return p * bits<VF<W>>(power);
}

/** e^x, relative error 1e-5: enough where the result is rounded to bf16. Arguments as for `exponential`. */
template <int W> inline VF<W> roughExponential(VF<W> x) {
  x = x < -87.0f ? splat<W>(-87.0f) : x;
  x = x > 88.0f ? splat<W>(88.0f) : x;
  const VF<W> turns = x * 1.44269504088896341f;
  const VF<W> shifted = turns + 12582912.0f;
  const VF<W> r = turns - (shifted - 12582912.0f);
  // 2^r for |r| <= 1/2: least squares on Chebyshev points.
  VF<W> p = r * 0.00956051021f + 0.0559170392f;
  p = p * r + 0.240249811f;
  p = p * r + 0.693121968f;
  p = p * r + 0.999999191f;
  const VI<W> power = (bits<VI<W>>(shifted) - bits<int32_t>(12582912.0f) + 127) << 23;
  return p * bits<VF<W>>(power);
}

template <class V, int... I> inline V zipLow(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int W = sizeof...(I);
  return __builtin_shufflevector(a, b, (I % 2 == 0 ? I / 2 : W + I / 2)...);
}
template <class V, int... I> inline V zipHigh(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int W = sizeof...(I);
  return __builtin_shufflevector(a, b, (I % 2 == 0 ? W / 2 + I / 2 : W + W / 2 + I / 2)...);
}

/** A W x W block of 32-bit units, transposed: log2(W) rounds of perfect shuffles. */
template <int W> inline void transposeBlock(VU<W> (&rows)[W]) {
  using Index = std::make_integer_sequence<int, W>;
  for (int round = 1; round < W; round *= 2) {
    VU<W> next[W];
    for (int i = 0; i < W / 2; i++) {
      next[2 * i] = zipLow(rows[i], rows[i + W / 2], Index{});
      next[2 * i + 1] = zipHigh(rows[i], rows[i + W / 2], Index{});
    }
    for (int i = 0; i < W; i++) rows[i] = next[i];
  }
}

} // namespace trmesh
