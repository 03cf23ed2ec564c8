// The strongest directions of a matrix: its first right singular vectors, by subspace iteration on W^T W with some vectors to spare,
// sorted out by the eigenvectors of the small matrix that is left (Rayleigh-Ritz, Jacobi's rotations). In doubles; pure.
import { rngFor } from '../rng/counter.js'

type Vectors = Float64Array[]

/** Vectors beside those asked for: the neighbours that convergence has to tell them from. */
const SPARE = 30
const MOST_ROUNDS = 20
const PRODUCTS_PER_ROUND = 10
/** Of what is left of a vector after one product, beside what it was multiplied by. */
const CLOSE = 1e-4
const NOISE = 1e-12

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** a <- a + s b */
function addTo(a: Float64Array, s: number, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) a[i] = a[i]! + s * b[i]!
}

/** Orthonormal, in place; twice, as once loses digits. What is left of a vector that depends on those before it is noise: zeros. */
function orthonormalise(vectors: Vectors): void {
  vectors.forEach((vector, i) => {
    const before = Math.sqrt(dot(vector, vector))
    for (let pass = 0; pass < 2; pass++)
      for (const other of vectors.slice(0, i)) addTo(vector, -dot(vector, other), other)
    const length = Math.sqrt(dot(vector, vector))
    for (let c = 0; c < vector.length; c++) vector[c] = length > NOISE * before ? vector[c]! / length : 0
  })
}

/** The symmetric matrix W^T W, by rows. */
function gramOf(w: Float32Array, rows: number, columns: number): Vectors {
  const gram = Array.from({ length: columns }, () => new Float64Array(columns))
  for (let r = 0; r < rows; r++) {
    const row = Float64Array.from(w.subarray(r * columns, (r + 1) * columns))
    for (let i = 0; i < columns; i++) addTo(gram[i]!, row[i]!, row)
  }
  return gram
}

const times = (matrix: Vectors, vector: Float64Array): Float64Array =>
  Float64Array.from(matrix, (row) => dot(row, vector))

/** Eigenvectors of a small symmetric matrix, in place, largest eigenvalue first. */
export function eigenvectors(a: Vectors): Vectors {
  const n = a.length
  const vectors = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_value, j) => Number(i === j)))
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const apq = a[p]![q]!
        off += apq * apq
        if (apq === 0) continue
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq)
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
        const c = 1 / Math.sqrt(t * t + 1)
        const s = t * c
        const turn = (x: Float64Array, y: Float64Array): void => {
          for (let k = 0; k < n; k++) [x[k], y[k]] = [c * x[k]! - s * y[k]!, s * x[k]! + c * y[k]!]
        }
        turn(a[p]!, a[q]!)
        for (const row of a) [row[p], row[q]] = [c * row[p]! - s * row[q]!, s * row[p]! + c * row[q]!]
        turn(vectors[p]!, vectors[q]!)
      }
    if (off < 1e-28) break
  }
  const order = vectors.map((_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]!)
  return order.map((i) => vectors[i]!)
}

/** @returns `count` orthonormal vectors of `columns`, strongest first; zeros beyond the rank. w: (rows, columns), row-major */
export function strongestDirections(w: Float32Array, rows: number, columns: number, count: number): Vectors {
  const gram = gramOf(w, rows, columns)
  const rng = rngFor(0, 'singular')
  const size = Math.min(columns, count + SPARE)
  let vectors: Vectors = Array.from({ length: size }, () =>
    Float64Array.from({ length: columns }, () => rng.uniform() - 0.5),
  )
  for (let round = 0; round < MOST_ROUNDS; round++) {
    for (let i = 0; i < PRODUCTS_PER_ROUND; i++) {
      if (i > 0 || round > 0) vectors = vectors.map((vector) => times(gram, vector))
      orthonormalise(vectors)
    }
    const products = vectors.map((vector) => times(gram, vector))
    const small = vectors.map((vector) => Float64Array.from(products, (product) => dot(vector, product)))
    const mixed = (of: Vectors, by: Float64Array): Float64Array => {
      const sum = new Float64Array(columns)
      by.forEach((share, i) => addTo(sum, share, of[i]!))
      return sum
    }
    const turns = eigenvectors(small)
    const images = turns.map((by) => mixed(products, by))
    vectors = turns.map((by) => mixed(vectors, by))
    const left = vectors.slice(0, count).map((vector, i) => {
      const image = images[i]!
      const value = dot(vector, image)
      const rest = image.map((x, c) => x - value * vector[c]!)
      return Math.sqrt(dot(rest, rest)) / Math.abs(value || 1)
    })
    if (Math.max(...left) < CLOSE) break
  }
  return vectors.slice(0, count)
}
