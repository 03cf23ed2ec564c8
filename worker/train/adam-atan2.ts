// AdamATan2 and the parameter average (spec 3.1, 3.4) on flat Float32Arrays, in place. On the host in f64, rounded to f32
// once per stored value: every replica gets the same bits, whatever its backend. Seven million elements take about 0.1 s.
import { orthogonalise } from '../ops/orthogonalise.js'
import { kernelFor } from '../ops/registry.js'
import type { AdamOptions, UpdateKernel } from '../ops/update.js'
import { adamFactors } from '../ops/update.js'

/** tan(pi/8): below it the polynomial applies directly, above it after rotation by -45 degrees. */
const SPLIT = 0.41421356237309503
const QUARTER = Math.PI / 4
const HALF = Math.PI / 2

/**
 * y[i] <- atan2(y[i], x[i]) for i < n and x[i] >= 0: faster than Math.atan2, relative error below 1e-12 (checked in
 * test/unit). atan2(0, 0) is 0. The constants are a Chebyshev fit of atan(r) / r in r^2 for r <= tan(pi/8).
 * A block at a time, because a call per element that is not inlined costs five times the arithmetic (measured).
 */
export function atan2Block(y: Float64Array, x: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    const yi = y[i] as number
    const xi = x[i] as number
    const a = Math.abs(yi)
    const low = Math.min(a, xi)
    const high = Math.max(a, xi)
    const turned = low > SPLIT * high
    const r = (turned ? low - high : low) / (turned ? low + high : high)
    const z = r * r
    let p = 0.03070019528203928 * z - 0.05877101293208423
    p = p * z + 0.07564428572230185
    p = p * z - 0.09078497524385686
    p = p * z + 0.11110393541579588
    p = p * z - 0.14285690795294
    p = p * z + 0.1999999961285479
    p = p * z - 0.33333333330868165
    p = p * z + 0.999999999999974
    const angle = p * r + (turned ? QUARTER : 0)
    const whole = a > xi ? HALF - angle : angle
    y[i] = high === 0 ? 0 : yi < 0 ? -whole : whole
  }
}

const BLOCK = 2048

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
  const { decay, move, scale, keep1, keep2 } = adamFactors(t, options)
  const n = p.length
  if (m.length !== n || v.length !== n || g.length !== n)
    throw new RangeError(`buffers of ${n}, ${m.length}, ${v.length} and ${g.length} elements do not belong together`)
  const y = new Float64Array(BLOCK)
  const x = new Float64Array(BLOCK)
  for (let from = 0; from < n; from += BLOCK) {
    const size = Math.min(BLOCK, n - from)
    for (let i = 0; i < size; i++) {
      const at = from + i
      const gi = g[at] as number
      m[at] = (m[at] as number) + keep1 * (gi - (m[at] as number))
      v[at] = (v[at] as number) + keep2 * (gi * gi - (v[at] as number))
      y[i] = m[at]
      x[i] = Math.sqrt(v[at]) * scale
    }
    atan2Block(y, x, size)
    for (let i = 0; i < size; i++) p[from + i] = (p[from + i] as number) * decay - move * (y[i] as number)
  }
}

/** shadow <- rate shadow + (1 - rate) p, in place. No bias correction. */
export function updateEma(shadow: Float32Array, p: Float32Array, rate: number): void {
  const fresh = 1 - rate
  for (let i = 0; i < shadow.length; i++) shadow[i] = rate * (shadow[i] as number) + fresh * (p[i] as number)
}

const reference: UpdateKernel = { adamAtan2, updateEma, orthogonalise }

/** The update of the current backend. */
export const update = (): UpdateKernel => kernelFor('update', reference)
