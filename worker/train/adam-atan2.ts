// AdamATan2 and the parameter average (spec 3.1, 3.4) on flat Float32Arrays, in place. On the host in f64, rounded to f32
// once per stored value: every replica gets the same bits, whatever its backend. Seven million elements take about 0.1 s.

export interface AdamOptions {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly weightDecay: number
}

/** tan(pi/8): below it the polynomial applies directly, above it after rotation by -45 degrees. */
const SPLIT = 0.41421356237309503
const QUARTER = Math.PI / 4
const HALF = Math.PI / 2

/**
 * atan2(y, x) for x >= 0, faster than Math.atan2: relative error below 1e-12 (checked in test/unit). atan2(0, 0) is 0.
 * The constants are a Chebyshev fit of atan(r) / r in r^2 for r <= tan(pi/8).
 */
export function atan2Positive(y: number, x: number): number {
  const a = y < 0 ? -y : y
  const low = a < x ? a : x
  const high = a < x ? x : a
  if (high === 0) return 0
  const turned = low > SPLIT * high
  const r = turned ? (low - high) / (low + high) : low / high
  const z = r * r
  let p = 0.03070019528203928 * z - 0.05877101293208423
  p = p * z + 0.07564428572230185
  p = p * z - 0.09078497524385686
  p = p * z + 0.11110393541579588
  p = p * z - 0.14285690795294
  p = p * z + 0.1999999961285479
  p = p * z - 0.33333333330868165
  p = p * z + 0.999999999999974
  let angle = p * r
  if (turned) angle += QUARTER
  if (a > x) angle = HALF - angle
  return y < 0 ? -angle : angle
}

/**
 * One update at step t (from 1); every array has the same length. Order: decay, moments, then the move of
 * lr / (1 - beta1^t) * atan2(m, sqrt(v) / sqrt(1 - beta2^t)).
 */
export function adamAtan2(
  p: Float32Array,
  m: Float32Array,
  v: Float32Array,
  g: Float32Array,
  t: number,
  options: AdamOptions,
): void {
  const { lr, beta1, beta2, weightDecay } = options
  const decay = 1 - lr * weightDecay
  const move = lr / (1 - beta1 ** t)
  const scale = 1 / Math.sqrt(1 - beta2 ** t)
  const keep1 = 1 - beta1
  const keep2 = 1 - beta2
  const n = p.length
  if (m.length !== n || v.length !== n || g.length !== n)
    throw new RangeError(`buffers of ${n}, ${m.length}, ${v.length} and ${g.length} elements do not belong together`)
  for (let i = 0; i < n; i++) {
    const gi = g[i] as number
    const mi = Math.fround((m[i] as number) + keep1 * (gi - (m[i] as number)))
    const vi = Math.fround((v[i] as number) + keep2 * (gi * gi - (v[i] as number)))
    m[i] = mi
    v[i] = vi
    p[i] = (p[i] as number) * decay - move * atan2Positive(mi, Math.sqrt(vi) * scale)
  }
}

/** shadow <- rate shadow + (1 - rate) p, in place. No bias correction. */
export function updateEma(shadow: Float32Array, p: Float32Array, rate: number): void {
  const fresh = 1 - rate
  for (let i = 0; i < shadow.length; i++) shadow[i] = rate * (shadow[i] as number) + fresh * (p[i] as number)
}
