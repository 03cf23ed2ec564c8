// Initial values (spec 1.2): truncated normals in the JAX convention, as a pure function of layout and seed, so that
// nobody has to send them. No tensor library: the coordinator calls this too.
import type { ModelConfig } from '../config/run-config.js'
import { latentsOf } from '../recursion.js'
import type { Rng } from '../rng/counter.js'
import { rngFor } from '../rng/counter.js'
import type { Init } from '../sub-layers.js'
import { alignStarts } from './aligned-starts.js'
import { layoutOf, type Layout } from './layout.js'

/** erf(sqrt 2): the mass of a normal within two standard deviations. */
const MASS = 0.9544997361036416
/** 1 / sqrt(1 - 4 phi(2) / MASS): undoes the variance lost by the truncation, so samples have the std asked for. */
const WIDEN = 1.1368472343385565

/** Chebyshev fit of erfinv(u) / u in w = -ln(1 - u^2) for |u| <= MASS; relative error below 2e-12. */
const ERFINV = [
  0.8862269254536324, 0.2320136664523723, 0.011549343294629399, -0.002335108913320998, -0.00012802272071772217,
  4.658048055574637e-5, 2.043055490947786e-6, -1.0149300553589267e-6, -4.757247816241698e-8, 3.1665618817099866e-8,
  -2.5774485290643192e-9,
] as const

/** Inverse error function for |u| <= 0.9545. */
export function erfinv(u: number): number {
  const w = -Math.log1p(-u * u)
  let sum = 0
  for (let i = ERFINV.length - 1; i >= 0; i--) sum = sum * w + (ERFINV[i] ?? 0)
  return u * sum
}

/** One draw of TN(std): standard deviation `std`, cut at two standard deviations of the untruncated normal. */
export function truncatedNormal(std: number, rng: Rng): number {
  const wide = WIDEN * std
  const x = Math.SQRT2 * wide * erfinv((2 * rng.uniform() - 1) * MASS)
  return Math.max(-2 * wide, Math.min(2 * wide, x))
}

/** y with softplus(y) = ln(1 + e^y) = x > 0. */
export const inverseSoftplus = (x: number): number => x + Math.log(-Math.expm1(-x))

function drawn(init: Exclude<Init, { constant: number }>, rng: Rng): number {
  if ('std' in init) return truncatedNormal(init.std, rng)
  const between = ([low, high]: readonly [number, number]): number => low + (high - low) * rng.uniform()
  if ('uniform' in init) return between(init.uniform)
  if ('logOfUniform' in init) return Math.log(between(init.logOfUniform))
  const [low, high] = init.softplusIsLogUniform
  return inverseSoftplus(Math.exp(between([Math.log(low), Math.log(high)])))
}

/** The nearest bfloat16 (ties to even) of a finite number. */
export function roundToBf16(x: number): number {
  const bits = new Uint32Array(1)
  const value = new Float32Array(bits.buffer)
  value[0] = x
  const b = bits[0] ?? 0
  bits[0] = (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000
  return value[0]
}

/** The flat buffer of dense parameters at step 0. */
export function initialParams(layout: Layout, seed: number): Float32Array {
  const flat = new Float32Array(layout.elements)
  layout.entries.forEach(({ offset, elements }, index) =>
    initial(layout, index, seed, flat.subarray(offset, offset + elements)),
  )
  return flat
}

/** One tensor of it. */
function initial({ entries }: Layout, index: number, seed: number, into: Float32Array): void {
  const { init } = entries[index]!
  if ('constant' in init) {
    into.fill(init.constant)
    return
  }
  const rng = rngFor(seed, 'init', index)
  for (let i = 0; i < into.length; i++) into[i] = drawn(init, rng)
}

/** (2F, hidden): gate and up of SwiGLU over channels, of the first layer that thoughts go through. */
function firstGateUp(model: ModelConfig, seed: number): Float32Array {
  const layout = layoutOf(model)
  const index = layout.entries.findIndex(({ name }) => name === 'L_level.layers.0.mlp.gate_up_proj.weight')
  const values = new Float32Array(layout.entries[index]?.elements ?? 0)
  initial(layout, index, seed, values)
  return values
}

/** The states a fresh carry starts from, (D) of the answer, (D) of each latent: TN(1) rounded to bf16. Buffers: never trained. */
export function initialStates(model: ModelConfig, seed: number): { hInit: Float32Array; lInit: Float32Array } {
  const draw = (stream: string, states: number): Float32Array => {
    const rng = rngFor(seed, stream)
    return Float32Array.from({ length: states * model.hidden }, () => roundToBf16(truncatedNormal(1, rng)))
  }
  const [hInit, lInit] = [draw('init-h', 1), draw('init-l', latentsOf(model))]
  if (model.chainStarts === 'drawn') return { hInit, lInit }
  alignStarts(lInit, latentsOf(model) / model.chains, model.hidden, firstGateUp(model, seed))
  return { hInit, lInit: lInit.map(roundToBf16) }
}
