// One pass of the single shared network (spec 1.4, L_level): h <- h + injection, then for every sub-layer of every layer
// h <- norm(h + f(h)); shared/sub-layers.ts says which there are. The largest op: a backend may fuse all of it.
// h, injection: (B*S, D), f32.
import * as tf from '@tensorflow/tfjs-core'
import type { AddNormSaved } from './add-norm.js'
import { addNorm } from './add-norm.js'
import type { AttentionSaved, AttentionShape, AttentionWeights } from './attention.js'
import { attention } from './attention.js'
import type { ConvSwigluSaved, ConvSwigluWeights } from './conv-swiglu.js'
import { convSwiglu } from './conv-swiglu.js'
import type { Gradients } from './gradients.js'
import type { MambaSaved, MambaWeights, Scan } from './mamba.js'
import { mamba } from './mamba.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'
import { scoped } from './scope.js'
import type { SwigluSaved, SwigluWeights } from './swiglu.js'
import { swiglu } from './swiglu.js'

/** A sub-layer's f, with its weights; `mlp` is SwiGLU over positions. */
export type SubLayerWeights =
  | { readonly kind: 'attention'; readonly weights: AttentionWeights }
  | { readonly kind: 'mlp' | 'swiglu'; readonly weights: SwigluWeights }
  | { readonly kind: 'conv-swiglu'; readonly weights: ConvSwigluWeights }
  | { readonly kind: 'mamba'; readonly weights: MambaWeights }

export interface NetworkShape extends AttentionShape {
  readonly eps: number
  /** SwiGLU has a norm inside. */
  readonly normed?: boolean
  /** Of Mamba-2. */
  readonly scan: Scan
}

type SubLayerSaved = (
  | { readonly kind: 'attention'; readonly saved: AttentionSaved }
  | { readonly kind: 'mlp' | 'swiglu'; readonly saved: SwigluSaved }
  | { readonly kind: 'conv-swiglu'; readonly saved: ConvSwigluSaved }
  | { readonly kind: 'mamba'; readonly saved: MambaSaved }
) & {
  /** The residual norm; of `mlp` over positions, for each channel. */
  readonly norm: AddNormSaved
  readonly y: tf.Tensor2D
}

/** What backward needs; opaque to the caller, who disposes it with tf.dispose. A fused kernel keeps one block of its own. */
export type NetworkSaved =
  | { readonly subLayers: readonly SubLayerSaved[] }
  | { readonly y: tf.Tensor2D; readonly block: tf.Tensor1D }
  | { readonly parts: readonly NetworkSaved[] }

/** All sub-layers of all layers, in order. */
export type Stack = readonly SubLayerWeights[]

export interface NetworkKernel {
  /** injection: null where there is none. */
  forward(h: tf.Tensor2D, injection: tf.Tensor2D | null, stack: Stack, shape: NetworkShape): tf.Tensor2D
  /** As forward, keeping what backward needs. The output is part of `saved` and is disposed with it. */
  forwardSaving(
    h: tf.Tensor2D,
    injection: tf.Tensor2D | null,
    stack: Stack,
    shape: NetworkShape,
  ): { y: tf.Tensor2D; saved: NetworkSaved }
  /** The gradient of h, which is that of the injection too; weight gradients are added to `gradients`. */
  backward(saved: NetworkSaved, dy: tf.Tensor2D, stack: Stack, shape: NetworkShape, gradients: Gradients): tf.Tensor2D
}

/** Swaps positions and channels: (B*rows, columns) -> (B*columns, rows). */
function swapAxes(x: tf.Tensor2D, batch: number): tf.Tensor2D {
  const rows = x.shape[0] / batch
  const columns = x.shape[1]
  const { reshape, transpose } = primitives()
  return reshape(transpose(reshape(x, [batch, rows, columns]), [0, 2, 1]), [batch * columns, rows])
}

function subLayerForward(h: tf.Tensor2D, subLayer: SubLayerWeights, shape: NetworkShape): SubLayerSaved {
  const { eps } = shape
  const normEps = shape.normed === true ? eps : undefined
  switch (subLayer.kind) {
    case 'attention': {
      const { y, saved } = attention().forward(h, subLayer.weights, shape)
      const norm = addNorm().forward(h, y, eps)
      return { kind: 'attention', saved, norm, y: norm.y }
    }
    case 'swiglu': {
      const { y, saved } = swiglu().forward(h, subLayer.weights, normEps)
      const norm = addNorm().forward(h, y, eps)
      return { kind: 'swiglu', saved, norm, y: norm.y }
    }
    case 'conv-swiglu': {
      const { y, saved } = convSwiglu().forward(h, subLayer.weights, shape)
      const norm = addNorm().forward(h, y, eps)
      return { kind: 'conv-swiglu', saved, norm, y: norm.y }
    }
    case 'mamba': {
      const { y, saved } = mamba().forward(h, subLayer.weights, shape)
      const norm = addNorm().forward(h, y, eps)
      return { kind: 'mamba', saved, norm, y: norm.y }
    }
    case 'mlp': {
      const turned = swapAxes(h, shape.batch)
      const { y, saved } = swiglu().forward(turned, subLayer.weights, normEps)
      const norm = addNorm().forward(turned, y, eps)
      return { kind: 'mlp', saved, norm, y: swapAxes(norm.y, shape.batch) }
    }
  }
}

function subLayerBackward(
  kept: SubLayerSaved,
  dy: tf.Tensor2D,
  subLayer: SubLayerWeights,
  shape: NetworkShape,
  gradients: Gradients,
): tf.Tensor2D {
  const { add } = primitives()
  if (kept.kind === 'attention' && subLayer.kind === 'attention') {
    const ds = addNorm().backward(kept.norm, dy)
    return add(ds, attention().backward(kept.saved, ds, subLayer.weights, shape, gradients))
  }
  if (kept.kind === 'swiglu' && subLayer.kind === 'swiglu') {
    const ds = addNorm().backward(kept.norm, dy)
    return add(ds, swiglu().backward(kept.saved, ds, subLayer.weights, gradients))
  }
  if (kept.kind === 'mlp' && subLayer.kind === 'mlp') {
    const ds = addNorm().backward(kept.norm, swapAxes(dy, shape.batch))
    return swapAxes(add(ds, swiglu().backward(kept.saved, ds, subLayer.weights, gradients)), shape.batch)
  }
  if (kept.kind === 'conv-swiglu' && subLayer.kind === 'conv-swiglu') {
    const ds = addNorm().backward(kept.norm, dy)
    return add(ds, convSwiglu().backward(kept.saved, ds, subLayer.weights, shape, gradients))
  }
  if (kept.kind === 'mamba' && subLayer.kind === 'mamba') {
    const ds = addNorm().backward(kept.norm, dy)
    return add(ds, mamba().backward(kept.saved, ds, subLayer.weights, shape, gradients))
  }
  throw new Error(`what ${kept.kind} kept cannot go back through ${subLayer.kind}`)
}

const injected = (h: tf.Tensor2D, injection: tf.Tensor2D | null): tf.Tensor2D =>
  injection === null ? h : primitives().add(h, injection)

/** The composition of the smaller ops. */
export const composed: NetworkKernel = {
  forward: (h, injection, stack, shape) =>
    tf.tidy(() =>
      stack.reduce<tf.Tensor2D>(
        (state, subLayer) => tf.tidy(() => subLayerForward(state, subLayer, shape).y),
        injected(h, injection),
      ),
    ),
  forwardSaving: (h, injection, stack, shape) =>
    scoped(() => {
      let y = injected(h, injection)
      const subLayers = stack.map((subLayer) => {
        const kept = subLayerForward(y, subLayer, shape)
        y = kept.y
        return kept
      })
      return { y, saved: { subLayers } }
    }),
  backward: (saved, dy, stack, shape, gradients) =>
    tf.tidy(() =>
      stack.reduceRight<tf.Tensor2D>((dh, subLayer, i) => {
        const kept = 'subLayers' in saved ? saved.subLayers[i] : undefined
        if (kept === undefined) throw new Error(`nothing was saved for sub-layer ${i}`)
        return tf.tidy(() => subLayerBackward(kept, dh, subLayer, shape, gradients))
      }, dy),
    ),
}

export const network = (): NetworkKernel => kernelFor('network', composed)
