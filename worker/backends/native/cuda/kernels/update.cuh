// AdamATan2 and the parameter average (spec 3.1, 3.4) in one pass over the flat buffers, with exactly the roundings of
// worker/train/adam-atan2.ts: f64 inside, every product and sum rounded by itself. Replicas on any engine get the same bits.
#pragma once
#include "device.h"

namespace trmesh {

/** 1 - lr wd; lr / (1 - beta1^t); 1 / sqrt(1 - beta2^t); 1 - beta1; 1 - beta2. */
struct UpdateFactors {
  double decay, move, scale, keep1, keep2;
};

__device__ __forceinline__ double times(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ double plus(double a, double b) { return __dadd_rn(a, b); }

/** atan2(y, x) for x >= 0: the polynomial of worker/train/adam-atan2.ts, step by step. */
__device__ __forceinline__ double angleOf(double y, double x) {
  const double a = fabs(y), low = a < x ? a : x, high = a < x ? x : a;
  const bool turned = low > 0.41421356237309503 * high;
  const double r = (turned ? plus(low, -high) : low) / (turned ? plus(low, high) : high);
  const double z = times(r, r);
  double p = plus(times(0.03070019528203928, z), -0.05877101293208423);
  p = plus(times(p, z), 0.07564428572230185);
  p = plus(times(p, z), -0.09078497524385686);
  p = plus(times(p, z), 0.11110393541579588);
  p = plus(times(p, z), -0.14285690795294);
  p = plus(times(p, z), 0.1999999961285479);
  p = plus(times(p, z), -0.33333333330868165);
  p = plus(times(p, z), 0.999999999999974);
  const double angle = plus(times(p, r), turned ? 0.78539816339744828 : 0.0);
  const double whole = a > x ? plus(1.5707963267948966, -angle) : angle;
  const double positive = high == 0.0 ? 0.0 : whole;
  return y < 0.0 ? -positive : positive;
}

/** rate shadow + (1 - rate) p. */
__device__ __forceinline__ float averaged(double shadow, double p, double rate) {
  return static_cast<float>(plus(times(rate, shadow), times(1.0 - rate, p)));
}

/** One update, then the average unless `shadow` is null. */
[[maybe_unused]] static __global__ void updateParameters(float *p, float *m, float *v, const float *g, long count, UpdateFactors f,
                                                         float *shadow, double rate) {
  for (long i = firstItem(); i < count; i += itemStep()) {
    const double gradient = g[i], first = m[i], second = v[i];
    m[i] = static_cast<float>(plus(first, times(f.keep1, plus(gradient, -first))));
    v[i] = static_cast<float>(plus(second, times(f.keep2, plus(times(gradient, gradient), -second))));
    const double angle = angleOf(m[i], times(sqrt(static_cast<double>(v[i])), f.scale));
    p[i] = static_cast<float>(plus(times(p[i], f.decay), -times(f.move, angle)));
    if (shadow != nullptr) shadow[i] = averaged(shadow[i], p[i], rate);
  }
}

[[maybe_unused]] static __global__ void averageParameters(float *shadow, const float *p, long count, double rate) {
  for (long i = firstItem(); i < count; i += itemStep()) shadow[i] = averaged(shadow[i], p[i], rate);
}

} // namespace trmesh
