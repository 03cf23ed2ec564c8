// Matrices as plain numbers, for ops: drawn, multiplied in doubles, held against tensors, and differentiated by differences.
import assert from 'node:assert/strict'
import * as tf from '@tensorflow/tfjs-core'
import { rngFor } from '../../shared/rng/counter.js'
import type { Gradients } from '../../worker/ops/gradients.js'

export type Matrix = number[][]
export const random = (seed: number, rows: number, columns: number, scale = 1): Matrix => {
  const rng = rngFor(seed, 'test')
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => Math.fround(scale * (2 * rng.uniform() - 1))),
  )
}
export const tensor = (m: Matrix): tf.Tensor2D => tf.tensor2d(m)
export const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)))
export const transposed = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!))
export const near = (actual: tf.Tensor, expected: Matrix, what: string, tolerance = 2e-5): void => {
  const values = actual.dataSync()
  const flat = expected.flat()
  assert.equal(values.length, flat.length, what)
  const size = Math.max(1, ...flat.map(Math.abs))
  flat.forEach((value, i) => {
    assert.ok(Math.abs(values[i]! - value) <= tolerance * size, `${what}[${i}]: ${values[i]} for ${value}`)
  })
}

/** d sum(f(x) * dy) / dx by central differences. */
export const numeric = (f: (x: Matrix) => Matrix, x: Matrix, dy: Matrix): Matrix => {
  const value = (at: Matrix): number =>
    f(at).reduce((s, row, i) => s + row.reduce((t, v, j) => t + v * dy[i]![j]!, 0), 0)
  const h = 1e-5
  return x.map((row, i) =>
    row.map((_, j) => {
      const moved = (by: number): Matrix => x.map((r, a) => (a === i ? r.map((v, b) => (b === j ? v + by : v)) : r))
      return (value(moved(h)) - value(moved(-h))) / (2 * h)
    }),
  )
}
export const silu = (x: number): number => x / (1 + Math.exp(-x))
export const norm = (a: Matrix, b: Matrix, eps: number): Matrix =>
  a.map((row, i) => {
    const s = row.map((value, j) => value + b[i]![j]!)
    const r = 1 / Math.sqrt(s.reduce((sum, value) => sum + value * value, 0) / s.length + eps)
    return s.map((value) => value * r)
  })

/** Runs `body`; every tensor it leaves behind is a failure. */
export const leakless = (body: () => void): void => {
  const alive = tf.memory().numTensors
  tf.tidy(body)
  assert.equal(tf.memory().numTensors, alive, 'tensors left behind')
}

/** Gradients left by a backward pass, by offset. */
export const taken = (gradients: Gradients, elements: number): Float32Array => {
  const flat = new Float32Array(elements)
  gradients.addTo(flat)
  return flat
}
