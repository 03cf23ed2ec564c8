// Compiled without contraction of products and sums: a fused multiply-add would round differently from JavaScript.
#include "optimizer.h"
#include <cmath>

namespace trmesh {

namespace {
constexpr double kSplit = 0.41421356237309503; // tan(pi / 8)
constexpr double kQuarter = 0.78539816339744828;
constexpr double kHalf = 1.5707963267948966;

/** atan2(y, x) for x >= 0: the polynomial of worker/train/adam-atan2.ts, step by step. */
inline double angleOf(double y, double x) {
  const double a = std::fabs(y);
  const double low = a < x ? a : x;
  const double high = a < x ? x : a;
  const bool turned = low > kSplit * high;
  const double r = (turned ? low - high : low) / (turned ? low + high : high);
  const double z = r * r;
  double p = 0.03070019528203928 * z - 0.05877101293208423;
  p = p * z + 0.07564428572230185;
  p = p * z - 0.09078497524385686;
  p = p * z + 0.11110393541579588;
  p = p * z - 0.14285690795294;
  p = p * z + 0.1999999961285479;
  p = p * z - 0.33333333330868165;
  p = p * z + 0.999999999999974;
  const double angle = p * r + (turned ? kQuarter : 0.0);
  const double whole = a > x ? kHalf - angle : angle;
  const double positive = high == 0.0 ? 0.0 : whole;
  return y < 0.0 ? -positive : positive;
}
} // namespace

void adamAtan2(float *__restrict p, float *__restrict m, float *__restrict v, const float *__restrict g, long n,
               const AdamFactors &factors) {
  const AdamFactors f = factors;
  for (long i = 0; i < n; i++) {
    const double gradient = g[i];
    m[i] = static_cast<float>(m[i] + f.keep1 * (gradient - m[i]));
    v[i] = static_cast<float>(v[i] + f.keep2 * (gradient * gradient - v[i]));
    const double angle = angleOf(m[i], std::sqrt(static_cast<double>(v[i])) * f.scale);
    p[i] = static_cast<float>(p[i] * f.decay - f.move * angle);
  }
}

void average(float *__restrict shadow, const float *__restrict p, long n, double rate) {
  const double fresh = 1.0 - rate;
  for (long i = 0; i < n; i++) shadow[i] = static_cast<float>(rate * shadow[i] + fresh * p[i]);
}

} // namespace trmesh
