// AdamATan2 and the parameter average (spec 3.1, 3.4) with exactly the roundings of worker/train/adam-atan2.ts: f64 inside, no
// fused multiply-add, one rounding per stored value. Replicas on any engine get the same bits.
#pragma once

namespace trmesh {

struct AdamFactors {
  /** 1 - lr wd; lr / (1 - beta1^t); 1 / sqrt(1 - beta2^t); 1 - beta1; 1 - beta2. */
  double decay, move, scale, keep1, keep2;
};

/** Elements [0, n) of parameters, moments and gradient. */
void adamAtan2(float *p, float *m, float *v, const float *g, long n, const AdamFactors &factors);
/** shadow <- rate shadow + (1 - rate) p. */
void average(float *shadow, const float *p, long n, double rate);

} // namespace trmesh
