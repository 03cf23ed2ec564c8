// The orthogonal factor of a matrix, nearly, by five quintic Newton-Schulz iterations (K. Jordan, Muon, 2024): matrix products alone.
// Its singular values end between about 0.7 and 1.2, as published. This is the reference in f32: every product and every
// sum rounded by itself, in a fixed order. The native engine computes the same bits (kernels/orthogonal.cpp).
import { NEWTON_SCHULZ_ITERATIONS } from '../../shared/gradients/matrices.js'

/** Of p(x) = a x + b x^3 + c x^5, which drives singular values to about 1. */
const [A, B, C] = [3.4445, -4.775, 2.0315].map(Math.fround) as [number, number, number]
const TINY = 1e-7

/** c <- a b, f32: a (m, k), b (k, n), c (m, n); the products of an element are added from the first to the last. */
function multiply(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number): void {
  c.fill(0)
  for (let i = 0; i < m; i++)
    for (let l = 0; l < k; l++) {
      const factor = a[i * k + l] as number
      const from = l * n
      const into = i * n
      for (let j = 0; j < n; j++) c[into + j] = (c[into + j] as number) + Math.fround(factor * (b[from + j] as number))
    }
}

function transpose(x: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(x.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = x[i * columns + j] as number
  return turned
}

/** x (rows, columns) <- about U V^T of its singular value decomposition, in place. The reference; the native engine has the same bits. */
export function orthogonalise(x: Float32Array, rows: number, columns: number): void {
  let squares = 0
  for (const value of x) squares += value * value
  const scale = 1 / (Math.sqrt(squares) + TINY)
  const wide = rows <= columns
  const [m, n] = wide ? [rows, columns] : [columns, rows]
  const y = wide ? x.slice() : transpose(x, rows, columns)
  for (let i = 0; i < y.length; i++) y[i] = (y[i] as number) * scale
  const [gram, square, pull] = [new Float32Array(m * m), new Float32Array(m * m), new Float32Array(m * n)]
  for (let iteration = 0; iteration < NEWTON_SCHULZ_ITERATIONS; iteration++) {
    multiply(y, transpose(y, m, n), gram, m, n, m)
    multiply(gram, gram, square, m, m, m)
    for (let i = 0; i < gram.length; i++)
      gram[i] = Math.fround(B * (gram[i] as number)) + Math.fround(C * (square[i] as number))
    multiply(gram, y, pull, m, m, n)
    for (let i = 0; i < y.length; i++) y[i] = Math.fround(A * (y[i] as number)) + (pull[i] as number)
  }
  x.set(wide ? y : transpose(y, m, n))
}
