// Which implementation of an op runs. Every op has a reference made of plain tfjs ops, which runs on any backend; a
// backend may register a faster kernel for an op, held against the reference by test/parity. The model never asks.
import * as tf from '@tensorflow/tfjs-core'
import type { AddIntoKernel } from './add-into.js'
import type { AddNormKernel } from './add-norm.js'
import type { AttentionKernel } from './attention.js'
import type { BatchMatMulKernel } from './batch-matmul.js'
import type { CausalConvKernel } from './causal-conv.js'
import type { ConvSwigluKernel } from './conv-swiglu.js'
import type { EmbeddingKernel } from './embedding.js'
import type { GatherRowsKernel } from './gather-rows.js'
import type { GatedNormKernel } from './gated-norm.js'
import type { GradientHalvesKernel } from './gradient-halves.js'
import type { HeadLossKernel } from './head-loss.js'
import type { LinearKernel } from './linear.js'
import type { MambaKernel } from './mamba.js'
import type { NetworkKernel } from './network.js'
import type { Primitives } from './primitives.js'
import type { ReplayKernel } from './replay.js'
import type { RopeKernel } from './rope.js'
import type { SelectiveScanKernel } from './selective-scan.js'
import type { SiluGateKernel } from './silu-gate.js'
import type { SwigluKernel } from './swiglu.js'
import type { UpdateKernel } from './update.js'

export interface Kernels {
  primitives: Primitives
  linear: LinearKernel
  batchMatMul: BatchMatMulKernel
  gatherRows: GatherRowsKernel
  headLoss: HeadLossKernel
  embedding: EmbeddingKernel
  rope: RopeKernel
  addInto: AddIntoKernel
  gradientHalves: GradientHalvesKernel
  addNorm: AddNormKernel
  swiglu: SwigluKernel
  attention: AttentionKernel
  projection: LinearKernel
  siluGate: SiluGateKernel
  causalConv: CausalConvKernel
  convSwiglu: ConvSwigluKernel
  gatedNorm: GatedNormKernel
  selectiveScan: SelectiveScanKernel
  mamba: MambaKernel
  network: NetworkKernel
  replay: ReplayKernel
  update: UpdateKernel
}
export type OpName = keyof Kernels

const fused = new Map<string, Kernels[OpName]>()

/** From now on `op` runs as `kernel` where `backend` is the tfjs backend. */
export function registerKernel<Op extends OpName>(op: Op, backend: string, kernel: Kernels[Op]): void {
  fused.set(`${backend} ${op}`, kernel)
}

/** The kernel of the current backend, if it has one. */
export const ownKernel = <Op extends OpName>(op: Op): Kernels[Op] | undefined =>
  fused.get(`${tf.getBackend()} ${op}`) as Kernels[Op] | undefined

/** The kernel of the current backend, or the reference. */
export function kernelFor<Op extends OpName>(op: Op, reference: Kernels[Op]): Kernels[Op] {
  return ownKernel(op) ?? reference
}
