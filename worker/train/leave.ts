// How the gradient of a step leaves the backend: added up in f32 into a flat buffer, or, where the run sends bf16 anyway and the
// backend can, rounded there already, so that half the bytes come to the host.
import { encodeBf16 } from '../../shared/gradients/bf16.js'
import { firstNonFinite } from '../../shared/gradients/finite.js'
import type { Gradients } from '../ops/gradients.js'

/** Of the q head's bias, which is summed on the host. */
export interface BiasGradient {
  readonly values: readonly number[]
  readonly offset: number
}

/** Writes all sums into `flat`, which the caller cleared, and lets them go. */
export function leave(gradients: Gradients, bias: BiasGradient, flat: Float32Array): void {
  gradients.addTo(flat)
  flat.set(bias.values, bias.offset)
}

/**
 * The same into `grad`, cleared here; `rounded`: as bf16 in its first half, if the backend has a kernel for that.
 * @returns whether it did so, and whether all numbers are finite
 */
export function leaveAll(
  gradients: Gradients,
  bias: BiasGradient,
  grad: Float32Array,
  rounded: boolean,
): { halves: boolean; finite: boolean } {
  const halves = new Uint16Array(grad.buffer, grad.byteOffset, grad.length)
  const finite = rounded ? gradients.leaveHalves(halves) : undefined
  if (finite === undefined) {
    leave(gradients, bias, grad.fill(0))
    return { halves: false, finite: firstNonFinite(grad) < 0 }
  }
  const values = Float32Array.from(bias.values)
  encodeBf16(values, halves.subarray(bias.offset, bias.offset + values.length))
  return { halves: true, finite: finite && firstNonFinite(values) < 0 }
}
