// The figures that sizing starts from, each with where it comes from. What is measured here has its date and machine in
// test/bench/LOG.md; what others published is cited; nothing else is put in.
import type { PresetName } from '../../shared/config/schema.js'

export interface Figure {
  readonly value: number
  readonly source: string
}

/** FLOP/s that one device keeps up while it trains: modelled FLOPs of a run over its time. */
export interface Device {
  readonly name: string
  /** By preset where it was measured so; the rest takes `otherwise`. */
  readonly flops: Partial<Readonly<Record<PresetName, Figure>>>
  readonly otherwise: Figure
}

const ofTime = (steps: number, samplesPerStep: number, gflopPerSample: number, gpuHours: number): number =>
  (steps * samplesPerStep * gflopPerSample * 1e9) / (gpuHours * 3600)

const OFFICIAL = 'published by the README of the official code (e7b6871)'

export const DEVICES: Readonly<Record<'h100' | 'l40s' | 'cpu', Device>> = {
  h100: {
    name: 'H100 with the official PyTorch code (bf16)',
    flops: {},
    otherwise: {
      value: ofTime(518_071, 768, 398.08, 4 * 72),
      source: `${OFFICIAL}: ARC-AGI-1 in "~3 days" on 4 H100; FLOPs modelled (spec 8.2)`,
    },
  },
  l40s: {
    name: 'L40S with the official PyTorch code (bf16)',
    flops: {},
    otherwise: {
      value: ofTime(65_100, 768, 398.08, 4 * 24),
      source: `${OFFICIAL}: Maze-Hard in "< 24 h" on 4 L40S, so at least this; FLOPs modelled (spec 8.2)`,
    },
  },
  cpu: {
    name: 'one thread of an AMD EPYC (AVX-512), backend tensorflow',
    flops: {
      tiny: { value: 233 * 0.1248e9, source: 'measured here, 2026-11-23: 233 samples/s of the preset tiny' },
      'sudoku-att': { value: 1.01 * 47.63e9, source: 'measured here, 2026-11-23: 1.01 samples/s of sudoku-att' },
    },
    otherwise: { value: 0.98 * 42.72e9, source: 'measured here, 2026-11-23: 0.98 samples/s of sudoku-mlp' },
  },
}

export type DeviceName = keyof typeof DEVICES

/**
 * Milliseconds of processor time for each megabyte that passes the server (in and out), all processes together: what fits
 * the twelve quiet points of 2026-11-23 (test/bench/LOG.md) within 15 %, which test/unit/sizing.test.ts checks.
 */
export const ALLREDUCE_CPU: Readonly<Record<'bf16' | 'f32' | 'int8', Figure>> = {
  bf16: { value: 2.8, source: 'fitted to `bench allreduce`, measured here 2026-11-23' },
  f32: { value: 2.4, source: 'fitted to `bench allreduce`, measured here 2026-11-23' },
  // It is arithmetic that counts here, not bytes: in plain JavaScript, where the others have WebAssembly SIMD.
  int8: {
    value: 7,
    source: 'the middle of 4.7 to 10.7 in four runs of `bench allreduce`, measured here 2026-11-24, a busy machine',
  },
}

/** The part of it that is nats-server's. */
export const BROKER_CPU: Figure = {
  value: 1.1,
  source: 'measured here 2026-11-24, nats-server 2.9.10, messages of 512 KiB, a busy machine: 1.02 to 1.24',
}

/** One encoder thread, examples a second at canvas 30. */
export const ENCODER: Figure = { value: 99_100, source: 'measured here 2026-11-23, `bench feed`' }

export const MEMORY = {
  broker: { value: 22e6, source: 'measured here 2026-11-23, `bench memory`' },
  coordinator: { value: 164e6, source: 'measured here 2026-11-23, `bench memory`, arc1 size' },
  worker: { value: 1398e6, source: 'measured here 2026-11-23, `bench memory`, arc1 size with 2 slots on the CPU' },
} as const satisfies Readonly<Record<string, Figure>>

/** Rows of the puzzle table by preset: what `npx trmesh data verify` counts, and the blank one. */
export const PUZZLE_ROWS: Partial<Readonly<Record<PresetName, number>>> = {
  arc1: 876_406,
  arc2: 1_191_730,
  'hybrid-arc1': 876_406,
  'urm-arc1': 876_406,
  'hrm-arc1': 876_406,
}

/** The measured points of the all-reduce: 7 million elements, everything on two cores of one machine; milliseconds. */
export const ALLREDUCE_POINTS = [
  { wire: 'bf16', workers: 2, sharded: 72, star: 127 },
  { wire: 'bf16', workers: 4, sharded: 204, star: 248 },
  { wire: 'bf16', workers: 8, sharded: 454, star: 468 },
  { wire: 'f32', workers: 2, sharded: 133, star: 228 },
  { wire: 'f32', workers: 4, sharded: 329, star: 388 },
  { wire: 'f32', workers: 8, sharded: 774, star: 858 },
] as const
export const POINT_ELEMENTS = 7_000_000
export const POINT_CORES = 2
