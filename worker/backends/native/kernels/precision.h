// The kinds of numbers that activations are kept in, each with its inner product kernel. All matrix products work on 32-bit
// units: one f32, or two bf16 that are neighbours along the summed axis. Sums are f32 always.
//   A: M rows of units, `stride` units apart.  B: panels of NR lanes, [units][NR].  C: [M][NR] f32, `ldc` floats apart.
#pragma once
#include "vector.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace trmesh {

/** f32 throughout, or (Rounds) f32 that holds bf16 values: bf16 training where the processor has no bf16 products. */
template <int Width, bool Rounds> struct Wide {
  typedef float Elem;
  static constexpr int W = Width;
  static constexpr int NR = 2 * W;
  static constexpr int MR = W == 16 ? 12 : 6;
  /** Elements in a unit, and what a row's number of units is a multiple of. */
  static constexpr int perUnit = 1;
  static constexpr int unitStep = 1;
  static constexpr int rowChunk = 96;

  static VF<W> load(const Elem *p) { return loadAs<VF<W>>(p); }
  static void store(Elem *p, VF<W> v) { storeAs(p, rounded(v)); }
  static VF<W> rounded(VF<W> v) {
    if constexpr (Rounds) return roundToBf16<W>(v);
    else return v;
  }
  static Elem from(float x) {
    if constexpr (Rounds) return roundToBf16<4>(splat<4>(x))[0];
    else return x;
  }
  static float to(Elem x) { return x; }
  static VF<W> exponential(VF<W> x) { return trmesh::exponential<W>(x); }
  static VF<W> sigmoid(VF<W> x) { return 1.0f / (1.0f + exponential(-x)); }

  template <int M> static void product(const uint32_t *a, long stride, const uint32_t *b, long units, float *c, long ldc) {
    VF<W> sums[M][2];
    for (int m = 0; m < M; m++) sums[m][0] = sums[m][1] = splat<W>(0);
    for (long u = 0; u < units; u++, b += NR) {
      const VF<W> low = loadAs<VF<W>>(b), high = loadAs<VF<W>>(b + W);
#pragma GCC unroll 12
      for (int m = 0; m < M; m++) {
        const VF<W> x = splat<W>(bits<float>(a[m * stride + u]));
        sums[m][0] += x * low;
        sums[m][1] += x * high;
      }
    }
#pragma GCC unroll 12
    for (int m = 0; m < M; m++) {
      storeAs(c + m * ldc, sums[m][0]);
      storeAs(c + m * ldc + W, sums[m][1]);
    }
  }
};

#if defined(__AVX512F__) || defined(TRMESH_AMX_EMULATED)
/** What the kinds that store bf16 share. */
struct Narrow {
  typedef bf16 Elem;
  static constexpr int W = 16;
  static constexpr int NR = 32;
  static constexpr int perUnit = 2;

  static VF<W> load(const Elem *p) { return widen<W>(loadAs<VH<W>>(p)); }
  static void store(Elem *p, VF<W> v) {
#if defined(__AVX512BF16__)
    storeAs(p, bits<__m256i>(_mm512_cvtneps_pbh(bits<__m512>(v))));
#else
    storeAs(p, narrow<W>(v));
#endif
  }
  static VF<W> rounded(VF<W> v) { return roundToBf16<W>(v); }
  static Elem from(float x) { return static_cast<Elem>(roundedBits<4>(splat<4>(x))[0] >> 16); }
  static float to(Elem x) { return bits<float>(static_cast<uint32_t>(x) << 16); }
  static VF<W> exponential(VF<W> x) { return roughExponential<W>(x); }
  static VF<W> sigmoid(VF<W> x) {
#if defined(__AVX512F__)
    // A division costs more than all the rest; 14 bits are more than bf16 keeps.
    return bits<VF<W>>(_mm512_rcp14_ps(bits<__m512>(1.0f + exponential(-x))));
#else
    return 1.0f / (1.0f + exponential(-x));
#endif
  }
};

#if defined(__AVX512BF16__)
/** bf16 pairs multiplied and added to f32 by one instruction of AVX-512. */
struct Bf16Dot : Narrow {
  static constexpr int MR = 12;
  static constexpr int unitStep = 1;
  static constexpr int rowChunk = 96;

  template <int M> static void product(const uint32_t *a, long stride, const uint32_t *b, long units, float *c, long ldc) {
    __m512 sums[M][2];
    for (int m = 0; m < M; m++) sums[m][0] = sums[m][1] = _mm512_setzero_ps();
    for (long u = 0; u < units; u++, b += NR) {
      const __m512bh low = bits<__m512bh>(_mm512_loadu_si512(b)), high = bits<__m512bh>(_mm512_loadu_si512(b + 16));
#pragma GCC unroll 12
      for (int m = 0; m < M; m++) {
        const __m512bh x = bits<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[m * stride + u])));
        sums[m][0] = _mm512_dpbf16_ps(sums[m][0], low, x);
        sums[m][1] = _mm512_dpbf16_ps(sums[m][1], high, x);
      }
    }
#pragma GCC unroll 12
    for (int m = 0; m < M; m++) {
      _mm512_storeu_ps(c + m * ldc, sums[m][0]);
      _mm512_storeu_ps(c + m * ldc + 16, sums[m][1]);
    }
  }
};
#endif
#endif

} // namespace trmesh
