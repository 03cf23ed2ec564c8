// Starts of latent chains that the network can use equally well ("Speed is Confidence", arXiv:2601.19085, section SVD-aligned
// initialization; number of directions and reference as in its code, jvdillon/sic): a start that lies off the directions that the
// first layer passes on is lost in it, so that its chain never wins. Of every start the part inside the ten strongest directions
// (right singular vectors of gate and up of the first layer's SwiGLU over channels, as drawn at step 0) is made as large, beside
// the rest, as in the first chain's; both parts keep their directions, and the whole its length. Pure.
import { strongestDirections } from './singular.js'

export const DIRECTIONS = 10

/**
 * Aligns `starts` (chains * latents, hidden) in place; those of the first chain stay as they are.
 * @param latents thoughts of a chain, each aligned with its own of the first
 * @param gateUp (rows, hidden), row-major
 */
export function alignStarts(starts: Float32Array, latents: number, hidden: number, gateUp: Float32Array): void {
  const directions = strongestDirections(gateUp, gateUp.length / hidden, hidden, Math.min(DIRECTIONS, hidden - 1))
  const startAt = (i: number): Float32Array => starts.subarray(i * hidden, (i + 1) * hidden)
  for (let i = latents; i < starts.length / hidden; i++) {
    const { inside: a, outside: b } = partsOf(startAt(i % latents), directions)
    const { inside, outside } = partsOf(startAt(i), directions)
    const [wanted, rest] = [lengthOf(a), lengthOf(b)]
    const [within, beside] = [lengthOf(inside), lengthOf(outside)]
    if (within === 0 || beside === 0) continue
    const whole = Math.hypot(within, beside) / Math.hypot(wanted, rest)
    startAt(i).set(inside.map((x, c) => whole * ((wanted / within) * x + (rest / beside) * outside[c]!)))
  }
}

/** What part of a vector lies in the directions: its length there by that of the whole. */
export function shareIn(vector: Float32Array, directions: readonly Float64Array[]): number {
  const { inside, outside } = partsOf(vector, directions)
  return lengthOf(inside) / Math.hypot(lengthOf(inside), lengthOf(outside))
}

function partsOf(
  vector: Float32Array,
  directions: readonly Float64Array[],
): { readonly inside: Float64Array; readonly outside: Float64Array } {
  const inside = new Float64Array(vector.length)
  for (const direction of directions) {
    const along = direction.reduce((sum, x, c) => sum + x * vector[c]!, 0)
    for (let c = 0; c < inside.length; c++) inside[c] = inside[c]! + along * direction[c]!
  }
  return { inside, outside: inside.map((x, c) => vector[c]! - x) }
}

const lengthOf = (vector: Float64Array): number => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0))
