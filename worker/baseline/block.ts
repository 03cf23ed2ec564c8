// One layer of the language model: h + attention(norm(h)), then h + swiglu(norm(h)). Forward alone, forward that keeps what
// backward needs, and backward. h: (T, D), f32.
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from '../ops/primitives.js'
import type { RopeTables } from '../ops/rope.js'
import { scoped } from '../ops/scope.js'
import { attend, attendBackward, type AttentionSaved } from './attention.js'
import { rmsNorm, rmsNormBackward } from './norm.js'
import { project, projectBackward, type ParameterGradients } from './projection.js'
import type { BlockWeights } from './weights.js'

export interface BlockShape {
  readonly heads: number
  readonly rope: RopeTables
}

export interface BlockSaved {
  readonly x: tf.Tensor2D
  readonly attention: AttentionSaved
  /** After attention. */
  readonly middle: tf.Tensor2D
  /** Normed inputs of the two halves. */
  readonly n1: tf.Tensor2D
  readonly n2: tf.Tensor2D
  /** Gate and up outputs before the activation. */
  readonly a: tf.Tensor2D
  readonly b: tf.Tensor2D
}

const activated = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D => {
  const { mul, sigmoid } = primitives()
  return mul(mul(a, sigmoid(a)), b)
}

/** The second half: swiglu of the normed state, added. */
export function feedForward(middle: tf.Tensor2D, weights: BlockWeights): tf.Tensor2D {
  return tf.tidy(() => {
    const n2 = rmsNorm(middle, weights.mlpGain)
    const inner = activated(project(n2, weights.gate), project(n2, weights.up))
    return primitives().add(middle, project(inner, weights.down))
  })
}

/** @param onAttention sees keys and values before they go, and may keep them */
export function blockForward(
  x: tf.Tensor2D,
  weights: BlockWeights,
  { heads, rope }: BlockShape,
  onAttention: (saved: AttentionSaved) => void = () => undefined,
): tf.Tensor2D {
  return tf.tidy(() => {
    const { y, saved } = attend(rmsNorm(x, weights.attentionGain), weights, heads, rope)
    onAttention(saved)
    return feedForward(primitives().add(x, y), weights)
  })
}

export function blockForwardSaving(
  x: tf.Tensor2D,
  weights: BlockWeights,
  { heads, rope }: BlockShape,
): { y: tf.Tensor2D; saved: BlockSaved } {
  return scoped(() => {
    const n1 = rmsNorm(x, weights.attentionGain)
    const { y: mixed, saved: attention } = attend(n1, weights, heads, rope)
    const middle = primitives().add(x, mixed)
    const n2 = rmsNorm(middle, weights.mlpGain)
    const a = project(n2, weights.gate)
    const b = project(n2, weights.up)
    const y = primitives().add(middle, project(activated(a, b), weights.down))
    return { y, saved: { x, attention, middle, n1, n2, a, b } }
  })
}

export function blockBackward(
  { x, attention, middle, n1, n2, a, b }: BlockSaved,
  dy: tf.Tensor2D,
  weights: BlockWeights,
  { heads, rope }: BlockShape,
  gradients: ParameterGradients,
): tf.Tensor2D {
  return tf.tidy(() => {
    const { add, mul, sigmoid, sub } = primitives()
    const dInner = projectBackward(activated(a, b), dy, weights.down, gradients)
    const sigma = sigmoid(a)
    const silu = mul(a, sigma)
    // silu' = sigma + silu (1 - sigma)
    const slope = add(sigma, sub(silu, mul(silu, sigma)))
    const dGate = projectBackward(n2, mul(mul(dInner, b), slope), weights.gate, gradients)
    const dUp = projectBackward(n2, mul(dInner, silu), weights.up, gradients)
    const dMiddle = add(dy, rmsNormBackward(middle, add(dGate, dUp), weights.mlpGain, gradients))
    const dN1 = attendBackward(n1, attention, dMiddle, weights, heads, rope, gradients)
    return add(dMiddle, rmsNormBackward(x, dN1, weights.attentionGain, gradients))
  })
}
