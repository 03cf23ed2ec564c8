// Does the backend of this thread compute? A matrix product with known inputs against plain JavaScript, before anything
// depends on it, and the speed of one, for `trmesh doctor`.
import * as tf from '@tensorflow/tfjs-core'

/** Deterministic f32 values in [-1, 1], without a random number generator: row-major [rows, columns]. */
function wave(rows: number, columns: number, phase: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(phase + 0.7 * i))
}

/** Largest |difference| between the backend's f32 product [33, 70] x [70, 45] and one summed here in f64. */
export function worstMatmulError(): number {
  const [m, k, n] = [33, 70, 45]
  const a = wave(m, k, 0.1)
  const b = wave(k, n, 0.9)
  const product = tf.tidy(() => tf.matMul(tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])))
  const values = product.dataSync()
  product.dispose()
  let worst = 0
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let l = 0; l < k; l++) sum += (a[i * k + l] ?? NaN) * (b[l * n + j] ?? NaN)
      const error = Math.abs(sum - (values[i * n + j] ?? NaN))
      if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error
    }
  }
  return worst
}

/** Sums of 70 products of at most 1: f32 stays under 1e-5, TF32 and bf16 stay well above it. */
export const MATMUL_TOLERANCE = 1e-4

/** One measured product [m, k] x [k, n], f32. */
export interface MatmulSpeed {
  m: number
  k: number
  n: number
  gflopPerSecond: number
}

/**
 * Best of `repeats` products, with the result read back once each.
 * @param now a monotonic clock in milliseconds, such as `performance.now`
 */
export function matmulSpeed(m: number, k: number, n: number, repeats: number, now: () => number): MatmulSpeed {
  const a = tf.tensor2d(wave(m, k, 0.1), [m, k])
  const b = tf.tensor2d(wave(k, n, 0.9), [k, n])
  let best = Infinity
  for (let i = 0; i <= repeats; i++) {
    const start = now()
    const product = tf.matMul(a, b)
    const corner = tf.slice(product, [0, 0], [1, 1])
    corner.dataSync()
    if (i > 0) best = Math.min(best, now() - start)
    product.dispose()
    corner.dispose()
  }
  a.dispose()
  b.dispose()
  return { m, k, n, gflopPerSecond: (2 * m * k * n) / best / 1e6 }
}
