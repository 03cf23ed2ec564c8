// Tiles of AMX: 16 rows of 64 bytes. Where TRMESH_AMX_EMULATED is set the same instructions are played by plain code, so that
// the kernels built on them can be tested on any processor.
#pragma once
#include "precision.h"

namespace trmesh {

#if defined(TRMESH_AMX_EMULATED)

struct AmxTiles {
  float sums[4][16][16];
  bf16 rows[2][16][32];
  bf16 pairs[2][16][32];

  static void begin() {}
  template <int T> void zero() { std::memset(sums[T], 0, sizeof sums[T]); }
  template <int T> void loadRows(const void *p, long bytes) {
    for (int r = 0; r < 16; r++) std::memcpy(rows[T][r], static_cast<const char *>(p) + r * bytes, 64);
  }
  template <int T> void loadPairs(const void *p, long bytes) {
    for (int r = 0; r < 16; r++) std::memcpy(pairs[T][r], static_cast<const char *>(p) + r * bytes, 64);
  }
  template <int T, int A, int B> void multiply() {
    for (int m = 0; m < 16; m++)
      for (int k = 0; k < 16; k++)
        for (int n = 0; n < 16; n++)
          sums[T][m][n] += Narrow::to(rows[A][m][2 * k]) * Narrow::to(pairs[B][k][2 * n]) +
                           Narrow::to(rows[A][m][2 * k + 1]) * Narrow::to(pairs[B][k][2 * n + 1]);
  }
  template <int T> void store(float *p, long bytes) {
    for (int r = 0; r < 16; r++) std::memcpy(reinterpret_cast<char *>(p) + r * bytes, sums[T][r], 64);
  }
};

#else

/** Tiles 0 to 3 sum, 4 and 5 hold rows, 6 and 7 pairs. Own assembly: the compiler's intrinsics let stores be reordered. */
struct AmxTiles {
  /** The shape of all eight tiles, once per thread. */
  static void begin() {
    static thread_local bool ready = false;
    if (ready) return;
    struct alignas(64) {
      uint8_t palette = 1, row = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shape;
    asm volatile("ldtilecfg %0" : : "m"(shape));
    ready = true;
  }
  template <int T> void zero() { asm volatile("tilezero %%tmm%c0" : : "i"(T)); }
  template <int T> void loadRows(const void *p, long bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(bytes), "i"(T + 4) : "memory");
  }
  template <int T> void loadPairs(const void *p, long bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(bytes), "i"(T + 6) : "memory");
  }
  template <int T, int A, int B> void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(T), "i"(A + 4), "i"(B + 6));
  }
  template <int T> void store(float *p, long bytes) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(bytes), "i"(T) : "memory");
  }
};

#endif

/** bf16 products of 32 x 32 tiles. Reads whole tiles: rows past the last one are read and ignored. */
struct Bf16Amx : Narrow {
  static constexpr int MR = 32;
  static constexpr int unitStep = 16;
  static constexpr int rowChunk = 256;

  static void product(const uint32_t *a, long stride, int rows, const uint32_t *b, long units, float *c, long ldc) {
    AmxTiles t;
    AmxTiles::begin();
    const bool two = rows > 16;
    const long aBytes = stride * 4, bBytes = NR * 4, cBytes = ldc * 4;
    t.zero<0>();
    t.zero<1>();
    t.zero<2>();
    t.zero<3>();
    for (long u = 0; u < units; u += 16) {
      t.loadRows<0>(a + u, aBytes);
      t.loadPairs<0>(b + u * NR, bBytes);
      t.loadPairs<1>(b + u * NR + 16, bBytes);
      t.multiply<0, 0, 0>();
      t.multiply<1, 0, 1>();
      if (two) {
        t.loadRows<1>(a + 16 * stride + u, aBytes);
        t.multiply<2, 1, 0>();
        t.multiply<3, 1, 1>();
      }
    }
    t.store<0>(c, cBytes);
    t.store<1>(c + 16, cBytes);
    if (two) {
      t.store<2>(c + 16 * ldc, cBytes);
      t.store<3>(c + 16 * ldc + 16, cBytes);
    }
  }
};

} // namespace trmesh
