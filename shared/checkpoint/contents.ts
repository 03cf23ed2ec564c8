// What a checkpoint holds and where: three files of tensors. The dense file repeats the layout four times (raw weights,
// their average, both moments), so each of the four is one contiguous range, equal to the flat buffer of a replica.
import type { ModelConfig } from '../config/run-config.js'
import { positionsOf, type Layout } from '../gradients/layout.js'
import { carryOf } from '../carry.js'
import { latentsOf, startNamesOf } from '../recursion.js'
import type { TensorSpec } from './safetensors.js'

export const DENSE_FILE = 'dense.safetensors'
export const CARRY_FILE = 'carry.safetensors'
export const PUZZLE_FILE = 'puzzles.safetensors'
/** The n-th puzzle file, from 2 on: rows that changed since the files before it were written. */
export const puzzleFile = (n: number): string => `puzzles-${n}.safetensors`
export const isPuzzleFile = (name: string): boolean => /^puzzles(-\d+)?\.safetensors$/.test(name)
/** Only of runs with local steps. */
export const LOCAL_FILE = 'local.safetensors'
/** Only of runs whose weights do not move at every step. */
export const GATHERED_FILE = 'gathered.safetensors'

/** Copies of the layout, in the order of the file: [segment, prefix of the tensor names]. */
export const DENSE_COPIES = [
  ['params', 'inner.'],
  ['ema', 'ema.'],
  ['m', 'adam.m.'],
  ['v', 'adam.v.'],
] as const
export type DenseSegment = (typeof DENSE_COPIES)[number][0] | 'hInit' | 'lInit'

/** Bytes of the data of a file, from its first tensor on. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

const F32 = Float32Array.BYTES_PER_ELEMENT

/** dense.safetensors: raw weights under their official names (spec 1.2), `ema.*`, `adam.m.*`, `adam.v.*`, H_init, L_init; all F32. */
export function denseTensors(layout: Layout, model: ModelConfig): TensorSpec[] {
  const copies = DENSE_COPIES.flatMap(([, prefix]) =>
    layout.entries.map(({ name, shape }): TensorSpec => ({ name: prefix + name, dtype: 'F32', shape })),
  )
  const states = startNamesOf(model).map((name): TensorSpec => ({
    name: `inner.${name}`,
    dtype: 'F32',
    shape: [model.hidden],
  }))
  return [...copies, ...states]
}

/** Where a segment of replica state lies in the dense file. */
export function denseRange(layout: Layout, model: ModelConfig, segment: DenseSegment): ByteRange {
  const copy = layout.elements * F32
  const afterCopies = DENSE_COPIES.length * copy
  const state = model.hidden * F32
  if (segment === 'hInit') return { offset: afterCopies, length: state }
  if (segment === 'lInit') return { offset: afterCopies + state, length: latentsOf(model) * state }
  return { offset: DENSE_COPIES.findIndex(([name]) => name === segment) * copy, length: copy }
}

/**
 * local.safetensors: momentum of the outer step, and the moments of every worker but the first, whose lie in the dense file:
 * each has its own (local steps). Flat, as the layout; all F32.
 */
export function localTensors(layout: Layout, workers: number): TensorSpec[] {
  const names = Array.from({ length: workers - 1 }, (_, i) => [momentsOf('m', i + 1), momentsOf('v', i + 1)])
  return ['outer', ...names.flat()].map((name) => ({ name, dtype: 'F32', shape: [layout.elements] }))
}

/** gathered.safetensors: the sum of the gradients since the weights last moved (train.moveEvery), flat, as the layout; F32. */
export const gatheredTensors = (layout: Layout): TensorSpec[] => [
  { name: 'gathered', dtype: 'F32', shape: [layout.elements] },
]

/** Name in local.safetensors of a moment of the worker at place `place` of the team, from 1 on. */
export const momentsOf = (segment: 'm' | 'v', place: number): string => `adam.${segment}.${place}`

/** Workers whose moments a local.safetensors with so many tensors holds, the first included. */
export const workersOf = (tensors: number): number => (tensors - 1) / 2 + 1

/** carry.safetensors: the ACT state of every slot (spec 1.8), and the example it works on. */
export function carryTensors(model: ModelConfig, slots: number): TensorSpec[] {
  const state = [positionsOf(model), model.hidden]
  const latents = latentsOf(model)
  return [
    { name: 'zH', dtype: 'F32', shape: [slots, ...state] },
    ...(latents === 0
      ? []
      : [{ name: 'zL', dtype: 'F32', shape: [slots, ...(latents === 1 ? [] : [latents]), ...state] } as const]),
    { name: 'steps', dtype: 'I32', shape: [slots] },
    { name: 'draw', dtype: 'I32', shape: [slots] },
    { name: 'puzzle', dtype: 'I32', shape: [slots] },
    { name: 'halted', dtype: 'U8', shape: [slots] },
    { name: 'inputs', dtype: 'U8', shape: [slots, model.seqLen] },
    { name: 'labels', dtype: 'U8', shape: [slots, model.seqLen] },
  ]
}

/** Where the carry of one slot lies in the tensor zH or zL, the latter of length 0 where the model has no latent states. */
export function carryRange(model: ModelConfig, tensor: 'zH' | 'zL', slot: number): ByteRange {
  const length = carryOf(model)[tensor] * F32
  return { offset: slot * length, length }
}

/** A puzzle file: rows with their ids, ascending. Rows in none are as row 0. */
export const puzzleTensors = (rows: number, dim: number): TensorSpec[] => [
  { name: 'ids', dtype: 'I32', shape: [rows] },
  { name: 'rows', dtype: 'F32', shape: [rows, dim] },
]
