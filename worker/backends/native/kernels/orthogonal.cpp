// Compiled without contraction of products and sums: a fused multiply-add would round differently from JavaScript.
#include "orthogonal.h"
#include <algorithm>
#include <cmath>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace trmesh {

namespace {
// Of p(x) = a x + b x^3 + c x^5 (K. Jordan, Muon, 2024).
constexpr float kA = 3.4445f, kB = -4.775f, kC = 2.0315f;
constexpr int kIterations = 5;
constexpr double kTiny = 1e-7;

/** Elements that a thread keeps in registers: so many rows, so many columns. */
constexpr long kRows = 4, kColumns = 32;

/** The pool lets denormal numbers count as zero; JavaScript does not. */
struct KeepDenormals {
#if defined(__x86_64__)
  KeepDenormals() : before(_mm_getcsr()) { _mm_setcsr(before & ~0x8040u); }
  ~KeepDenormals() { _mm_setcsr(before); }
  unsigned before;
#else
  KeepDenormals() {}
#endif
};

/** Rows [r, r + R) and columns [j, j + width) of c <- a b. */
template <long R> void block(const float *a, const float *b, float *c, long k, long n, long j, long width) {
  float sums[R][kColumns] = {};
  if (width == kColumns) {
    for (long l = 0; l < k; l++) {
      const float *from = b + l * n + j;
      for (long r = 0; r < R; r++)
        for (long i = 0; i < kColumns; i++) sums[r][i] += a[r * k + l] * from[i];
    }
  } else {
    for (long l = 0; l < k; l++)
      for (long r = 0; r < R; r++)
        for (long i = 0; i < width; i++) sums[r][i] += a[r * k + l] * b[l * n + j + i];
  }
  for (long r = 0; r < R; r++) std::copy(sums[r], sums[r] + width, c + r * n + j);
}

/** c [m][n] <- a [m][k] b [k][n] */
void multiply(Pool &pool, const float *a, const float *b, float *c, long m, long k, long n) {
  pool.run((m + kRows - 1) / kRows, [&](long task, int) {
    const KeepDenormals keep;
    const long r = task * kRows, here = std::min(kRows, m - r);
    for (long j = 0; j < n; j += kColumns) {
      const long width = std::min(kColumns, n - j);
      if (here == kRows) block<kRows>(a + r * k, b, c + r * n, k, n, j, width);
      else
        for (long i = r; i < r + here; i++) block<1>(a + i * k, b, c + i * n, k, n, j, width);
    }
  });
}

void transpose(const float *x, float *turned, long rows, long columns) {
  constexpr long kTile = 16;
  for (long i = 0; i < rows; i += kTile)
    for (long j = 0; j < columns; j += kTile)
      for (long r = i; r < std::min(rows, i + kTile); r++)
        for (long s = j; s < std::min(columns, j + kTile); s++) turned[s * rows + r] = x[r * columns + s];
}
} // namespace

void orthogonalise(Pool &pool, float *x, long rows, long columns) {
  const KeepDenormals keep;
  const long size = rows * columns;
  double squares = 0;
  for (long i = 0; i < size; i++) squares += static_cast<double>(x[i]) * x[i];
  const double scale = 1.0 / (std::sqrt(squares) + kTiny);
  const bool wide = rows <= columns;
  const long m = std::min(rows, columns), n = std::max(rows, columns);
  std::vector<float> y(size), turned(size), pull(size), gram(m * m), square(m * m);
  if (wide) std::copy(x, x + size, y.begin());
  else transpose(x, y.data(), rows, columns);
  for (long i = 0; i < size; i++) y[i] = static_cast<float>(y[i] * scale);
  for (int iteration = 0; iteration < kIterations; iteration++) {
    transpose(y.data(), turned.data(), m, n);
    multiply(pool, y.data(), turned.data(), gram.data(), m, n, m);
    multiply(pool, gram.data(), gram.data(), square.data(), m, m, m);
    for (long i = 0; i < m * m; i++) gram[i] = kB * gram[i] + kC * square[i];
    multiply(pool, gram.data(), y.data(), pull.data(), m, m, n);
    for (long i = 0; i < size; i++) y[i] = kA * y[i] + pull[i];
  }
  if (wide) std::copy(y.begin(), y.end(), x);
  else transpose(y.data(), x, m, n);
}

} // namespace trmesh
