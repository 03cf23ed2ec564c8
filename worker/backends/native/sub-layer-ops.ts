// Ops of sub-layers that the fused pass does not know, on an engine of ours: Mamba-2 and ConvSwiGLU, composed as their references
// are (worker/ops/mamba.ts, conv-swiglu.ts), every op of them one call (kernels/row-ops.h, cuda/kernels/sub-layers.h). Projections
// multiply in the engine's precision, bf16 where it has that; what lies between them is f32.
import * as tf from '@tensorflow/tfjs-core'
import type { AddNormKernel } from '../../ops/add-norm.js'
import type { CausalConvKernel } from '../../ops/causal-conv.js'
import type { GatedNormKernel } from '../../ops/gated-norm.js'
import type { Gradients } from '../../ops/gradients.js'
import type { LinearKernel, Table } from '../../ops/linear.js'
import { linear } from '../../ops/linear.js'
import { registerKernel } from '../../ops/registry.js'
import type { ScanInputs, ScanWeights, SelectiveScanKernel } from '../../ops/selective-scan.js'
import type { SiluGateKernel } from '../../ops/silu-gate.js'
import { composedSwiglu, type SwigluKernel } from '../../ops/swiglu.js'

export type SubLayerOp =
  | 'convolve'
  | 'convolveBack'
  | 'gate'
  | 'gateBack'
  | 'norm'
  | 'normBack'
  | 'activate'
  | 'activateBack'
  | 'scan'
  | 'scanBack'
  | 'product'

/** Tensors that `op` reads, new ones of these shapes that it fills, and, after them, tensors whose memory it adds to. */
export type RunSubLayerOp = (
  op: SubLayerOp,
  inputs: readonly tf.Tensor[],
  shapes: readonly (readonly [number, number])[],
  numbers: readonly number[],
  grown?: readonly tf.Tensor[],
) => tf.Tensor2D[]

const one = (tensors: readonly tf.Tensor2D[]): tf.Tensor2D => {
  const [tensor] = tensors
  if (tensor === undefined) throw new Error('an op of the native engine made nothing')
  return tensor
}

const sumOf = (gradients: Gradients, { offset, table }: Table): tf.Tensor => gradients.sumAt(offset, table.shape)

const numbersOf = ({ x, b, raw }: ScanInputs, batch: number, positions: number): number[] => {
  const heads = raw.shape[1]
  return [batch, positions, heads, x.shape[1] / heads, b.shape[1]]
}
const inputsOf = ({ x, b, c, raw }: ScanInputs, { dtBias, aLog, d }: ScanWeights): tf.Tensor[] => [
  x,
  b,
  c,
  raw,
  dtBias.table,
  aLog.table,
  d.table,
]

/** Makes these ops of `backend` calls of `run`. */
export function registerSubLayerOps(backend: string, run: RunSubLayerOp): void {
  const causalConv: CausalConvKernel = {
    forward: (x, { taps, bias }, { batch, positions }) => {
      const numbers = [batch, positions, x.shape[1], taps.table.shape[1]]
      const [y, a] = run('convolve', [x, taps.table, bias.table], [x.shape, x.shape], numbers) as [
        tf.Tensor2D,
        tf.Tensor2D,
      ]
      return { y, saved: { x, a } }
    },
    backward: ({ x, a }, dy, { taps, bias }, { batch, positions }, gradients) => {
      const numbers = [batch, positions, x.shape[1], taps.table.shape[1]]
      const sums = [sumOf(gradients, taps), sumOf(gradients, bias)]
      return one(run('convolveBack', [x, a, taps.table, dy], [x.shape], numbers, sums))
    },
  }

  const gatedNorm: GatedNormKernel = {
    forward: (v, z, gain, eps) => {
      const [rows, width] = v.shape
      const [y, r] = run('gate', [v, z, gain.table], [v.shape, [rows, 1]], [rows, width, eps]) as [
        tf.Tensor2D,
        tf.Tensor2D,
      ]
      return { y, saved: { v, z, r } }
    },
    backward: ({ v, z, r }, dy, gain, gradients) => {
      const [rows, width] = v.shape
      const shapes = [v.shape, v.shape]
      const sums = [sumOf(gradients, gain)]
      const [dv, dz] = run('gateBack', [v, z, gain.table, r, dy], shapes, [rows, width], sums) as [
        tf.Tensor2D,
        tf.Tensor2D,
      ]
      return { dv, dz }
    },
  }

  const addNorm: AddNormKernel = {
    forward: (a, b, eps) => {
      const [rows, width] = a.shape
      const [y, r] = run('norm', [a, b], [a.shape, [rows, 1]], [rows, width, eps]) as [tf.Tensor2D, tf.Tensor2D]
      return { y, r }
    },
    backward: ({ y, r }, dy) => one(run('normBack', [y, r, dy], [y.shape], [...y.shape])),
  }

  const siluGate: SiluGateKernel = {
    forward: (a, b) => one(run('activate', [a, b], [a.shape], [a.size])),
    backward: (a, b, dy) => {
      const [da, db] = run('activateBack', [a, b, dy], [a.shape, a.shape], [a.size]) as [tf.Tensor2D, tf.Tensor2D]
      return { da, db }
    },
  }

  const selectiveScan: SelectiveScanKernel = {
    forward: (inputs, weights, { batch, positions }) =>
      one(run('scan', inputsOf(inputs, weights), [inputs.x.shape], numbersOf(inputs, batch, positions))),
    backward: (inputs, dy, weights, { batch, positions }, gradients) => {
      const sums = [weights.dtBias, weights.aLog, weights.d].map((table) => sumOf(gradients, table))
      const shapes = [inputs.x.shape, inputs.b.shape, inputs.c.shape, inputs.raw.shape]
      const given = [...inputsOf(inputs, weights), dy]
      const made = run('scanBack', given, shapes, numbersOf(inputs, batch, positions), sums)
      const [x, b, c, raw] = made as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
      return { x, b, c, raw }
    },
  }

  /** a (m, k) b (k, n), either stored transposed. */
  function product(a: tf.Tensor2D, b: tf.Tensor2D, flipA: boolean, flipB: boolean): tf.Tensor2D {
    const [m, k] = flipA ? [a.shape[1], a.shape[0]] : a.shape
    const n = flipB ? b.shape[0] : b.shape[1]
    return one(run('product', [a, b], [[m, n]], [m, k, n, Number(flipA), Number(flipB)]))
  }

  const projection: LinearKernel = {
    weight: (offset, w) => linear().weight(offset, w),
    forward: (x, { w }) => product(x, w, false, true),
    gradInput: (dy, { w }) => product(dy, w, false, false),
    gradWeight: (dy, x) => product(dy, x, true, false),
  }

  /** SwiGLU where it follows no mixer that the fused pass knows; with a norm inside, of plain ops. */
  const swiglu: SwigluKernel = {
    forward: (x, weights, normEps) => {
      if (normEps !== undefined) return composedSwiglu.forward(x, weights, normEps)
      const { gate, up, down } = weights
      const a = projection.forward(x, gate)
      const b = projection.forward(x, up)
      const inner = siluGate.forward(a, b)
      const y = projection.forward(inner, down)
      inner.dispose()
      return { y, saved: { x, a, b } }
    },
    backward: (saved, dy, weights, gradients) => {
      if (saved.r !== undefined) return composedSwiglu.backward(saved, dy, weights, gradients)
      const { x, a, b } = saved
      const { gate, up, down } = weights
      return tf.tidy(() => {
        gradients.add(down.offset, projection.gradWeight(dy, siluGate.forward(a, b)))
        const { da, db } = siluGate.backward(a, b, projection.gradInput(dy, down))
        gradients.add(gate.offset, projection.gradWeight(da, x))
        gradients.add(up.offset, projection.gradWeight(db, x))
        return tf.add(projection.gradInput(da, gate), projection.gradInput(db, up))
      })
    },
  }

  registerKernel('swiglu', backend, swiglu)
  registerKernel('causalConv', backend, causalConv)
  registerKernel('gatedNorm', backend, gatedNorm)
  registerKernel('addNorm', backend, addNorm)
  registerKernel('siluGate', backend, siluGate)
  registerKernel('selectiveScan', backend, selectiveScan)
  registerKernel('projection', backend, projection)
}
