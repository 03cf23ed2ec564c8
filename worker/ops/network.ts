// One pass of the single shared network (spec 1.4, L_level): h <- h + injection, then every layer's mixing over positions
// and SwiGLU over channels, each followed by the residual RMS norm. The largest op: a backend may fuse all of it.
// h, injection: (B*S, D), f32.
import * as tf from '@tensorflow/tfjs-core'
import type { AddNormSaved } from './add-norm.js'
import { addNorm } from './add-norm.js'
import type { AttentionSaved, AttentionShape, AttentionWeights } from './attention.js'
import { attention } from './attention.js'
import type { Gradients } from './gradients.js'
import { primitives } from './primitives.js'
import { kernelFor } from './registry.js'
import { scoped } from './scope.js'
import type { SwigluSaved, SwigluWeights } from './swiglu.js'
import { swiglu } from './swiglu.js'

export interface LayerWeights {
  readonly mixer:
    | { readonly kind: 'attention'; readonly weights: AttentionWeights }
    | { readonly kind: 'mlp'; readonly weights: SwigluWeights }
  readonly mlp: SwigluWeights
}

export interface NetworkShape extends AttentionShape {
  readonly eps: number
}

interface LayerSaved {
  readonly mixer: { kind: 'attention'; saved: AttentionSaved } | { kind: 'mlp'; saved: SwigluSaved }
  readonly afterMixer: AddNormSaved
  readonly mlp: SwigluSaved
  readonly afterMlp: AddNormSaved
}

/** What backward needs; opaque to the caller, who disposes it with tf.dispose. A fused kernel keeps one block of its own. */
export type NetworkSaved = { readonly layers: LayerSaved[] } | { readonly y: tf.Tensor2D; readonly block: tf.Tensor1D }

export interface NetworkKernel {
  forward(h: tf.Tensor2D, injection: tf.Tensor2D, layers: readonly LayerWeights[], shape: NetworkShape): tf.Tensor2D
  /** As forward, keeping what backward needs. The output is part of `saved` and is disposed with it. */
  forwardSaving(
    h: tf.Tensor2D,
    injection: tf.Tensor2D,
    layers: readonly LayerWeights[],
    shape: NetworkShape,
  ): { y: tf.Tensor2D; saved: NetworkSaved }
  /** The gradient of h, which is that of the injection too; weight gradients are added to `gradients`. */
  backward(
    saved: NetworkSaved,
    dy: tf.Tensor2D,
    layers: readonly LayerWeights[],
    shape: NetworkShape,
    gradients: Gradients,
  ): tf.Tensor2D
}

/** Swaps positions and channels: (B*rows, columns) -> (B*columns, rows). */
function swapAxes(x: tf.Tensor2D, batch: number): tf.Tensor2D {
  const rows = x.shape[0] / batch
  const columns = x.shape[1]
  const { reshape, transpose } = primitives()
  return reshape(transpose(reshape(x, [batch, rows, columns]), [0, 2, 1]), [batch * columns, rows])
}

function mix(
  h: tf.Tensor2D,
  layer: LayerWeights,
  shape: NetworkShape,
): { h: tf.Tensor2D; mixer: LayerSaved['mixer']; afterMixer: AddNormSaved } {
  if (layer.mixer.kind === 'attention') {
    const { y, saved } = attention().forward(h, layer.mixer.weights, shape)
    const afterMixer = addNorm().forward(h, y, shape.eps)
    return { h: afterMixer.y, mixer: { kind: 'attention', saved }, afterMixer }
  }
  // The MLP mixer also normalises over positions, for each channel.
  const turned = swapAxes(h, shape.batch)
  const { y, saved } = swiglu().forward(turned, layer.mixer.weights)
  const afterMixer = addNorm().forward(turned, y, shape.eps)
  return { h: swapAxes(afterMixer.y, shape.batch), mixer: { kind: 'mlp', saved }, afterMixer }
}

function mixBackward(
  saved: LayerSaved,
  dh: tf.Tensor2D,
  layer: LayerWeights,
  shape: NetworkShape,
  gradients: Gradients,
): tf.Tensor2D {
  if (layer.mixer.kind === 'attention' && saved.mixer.kind === 'attention') {
    const ds = addNorm().backward(saved.afterMixer, dh)
    return primitives().add(ds, attention().backward(saved.mixer.saved, ds, layer.mixer.weights, shape, gradients))
  }
  if (layer.mixer.kind === 'mlp' && saved.mixer.kind === 'mlp') {
    const ds = addNorm().backward(saved.afterMixer, swapAxes(dh, shape.batch))
    const dTurned = primitives().add(ds, swiglu().backward(saved.mixer.saved, ds, layer.mixer.weights, gradients))
    return swapAxes(dTurned, shape.batch)
  }
  throw new Error(`values saved by a ${saved.mixer.kind} mixer cannot go back through a ${layer.mixer.kind} mixer`)
}

function layerForward(h: tf.Tensor2D, layer: LayerWeights, shape: NetworkShape): LayerSaved {
  const mixed = mix(h, layer, shape)
  const { y, saved } = swiglu().forward(mixed.h, layer.mlp)
  const afterMlp = addNorm().forward(mixed.h, y, shape.eps)
  return { mixer: mixed.mixer, afterMixer: mixed.afterMixer, mlp: saved, afterMlp }
}

const reference: NetworkKernel = {
  forward: (h, injection, layers, shape) =>
    tf.tidy(() =>
      layers.reduce<tf.Tensor2D>(
        (state, layer) => tf.tidy(() => layerForward(state, layer, shape).afterMlp.y),
        primitives().add(h, injection),
      ),
    ),
  forwardSaving: (h, injection, layers, shape) =>
    scoped(() => {
      let y = primitives().add(h, injection)
      const saved = layers.map((layer) => {
        const kept = layerForward(y, layer, shape)
        y = kept.afterMlp.y
        return kept
      })
      return { y, saved: { layers: saved } }
    }),
  backward: (saved, dy, layers, shape, gradients) =>
    tf.tidy(() =>
      layers.reduceRight<tf.Tensor2D>((dh, layer, i) => {
        const kept = 'layers' in saved ? saved.layers[i] : undefined
        if (kept === undefined) throw new Error(`nothing was saved for layer ${i}`)
        return tf.tidy(() => {
          const ds = addNorm().backward(kept.afterMlp, dh)
          const dMixed = primitives().add(ds, swiglu().backward(kept.mlp, ds, layer.mlp, gradients))
          return mixBackward(kept, dMixed, layer, shape, gradients)
        })
      }, dy),
    ),
}

export const network = (): NetworkKernel => kernelFor('network', reference)
