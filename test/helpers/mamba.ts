// Mamba-2 as plain loops in doubles, the truth that ops and kernels are held against: the recurrence one position after the
// other, no chunks. Rows of a sample follow each other; weights lie in a record of matrices by the names of the op.
import type { Rows } from '../../worker/ops/causal-conv.js'
import type { Scan } from '../../worker/ops/mamba.js'
import { product, silu, transposed, type Matrix } from './matrices.js'

/** Applied to each sample by itself. */
const perSample = (x: Matrix, { positions }: Rows, f: (sample: Matrix, first: number) => Matrix): Matrix =>
  Array.from({ length: x.length / positions }, (_, b) =>
    f(x.slice(b * positions, (b + 1) * positions), b * positions),
  ).flat()

export const convNaive = (x: Matrix, taps: Matrix, bias: Matrix, rows: Rows): Matrix =>
  perSample(x, rows, (sample) =>
    sample.map((row, t) =>
      row.map((_, c) => {
        const width = taps[c]!.length
        return silu(taps[c]!.reduce((sum, w, k) => sum + w * (sample[t - width + 1 + k]?.[c] ?? 0), bias[c]![0]!))
      }),
    ),
  )

export interface NaiveScan {
  readonly x: Matrix
  readonly b: Matrix
  readonly c: Matrix
  readonly raw: Matrix
}

export const scanNaive = ({ x, b, c, raw }: NaiveScan, dtBias: Matrix, aLog: Matrix, d: Matrix, rows: Rows): Matrix =>
  perSample(x, rows, (sample, first) => {
    const size = sample[0]!.length / aLog.length
    const states = sample[0]!.map(() => b[0]!.map(() => 0))
    return sample.map((row, t) =>
      row.map((value, channel) => {
        const head = Math.floor(channel / size)
        const step = Math.log1p(Math.exp(raw[first + t]![head]! + dtBias[head]![0]!))
        const decay = Math.exp(-step * Math.exp(aLog[head]![0]!))
        const state = states[channel]!
        state.forEach((old, n) => (state[n] = decay * old + step * b[first + t]![n]! * value))
        return state.reduce((sum, s, n) => sum + s * c[first + t]![n]!, d[head]![0]! * value)
      }),
    )
  })

export const gatedNormNaive = (v: Matrix, z: Matrix, gain: Matrix, eps: number): Matrix =>
  v.map((row, i) => {
    const g = row.map((value, e) => value * silu(z[i]![e]!))
    const r = 1 / Math.sqrt(g.reduce((sum, value) => sum + value * value, 0) / g.length + eps)
    return g.map((value, e) => value * r * gain[e]![0]!)
  })

export type MambaMatrices = Readonly<Record<keyof typeof MAMBA_SHAPES, Matrix>>

/** Rows and columns of every weight, in the order of the layout: D wide, E inner channels, N states, H heads, K taps. */
export const MAMBA_SHAPES = {
  z: ['E', 'D'],
  x: ['E', 'D'],
  b: ['N', 'D'],
  c: ['N', 'D'],
  dt: ['H', 'D'],
  xTaps: ['E', 'K'],
  bTaps: ['N', 'K'],
  cTaps: ['N', 'K'],
  xBias: ['E', 'one'],
  bBias: ['N', 'one'],
  cBias: ['N', 'one'],
  dtBias: ['H', 'one'],
  aLog: ['H', 'one'],
  d: ['H', 'one'],
  gain: ['E', 'one'],
  out: ['D', 'E'],
} as const satisfies Readonly<Record<string, readonly [string, string]>>

export const reversedSamples = (x: Matrix, rows: Rows): Matrix => perSample(x, rows, (sample) => sample.toReversed())

export function mambaNaive(h: Matrix, w: MambaMatrices, rows: Rows, scan: Scan, eps: number): Matrix {
  const project = (weight: Matrix): Matrix => product(h, transposed(weight))
  const pass = (turn: (m: Matrix) => Matrix): Matrix => {
    const inputs = {
      x: convNaive(turn(project(w.x)), w.xTaps, w.xBias, rows),
      b: convNaive(turn(project(w.b)), w.bTaps, w.bBias, rows),
      c: convNaive(turn(project(w.c)), w.cTaps, w.cBias, rows),
      raw: turn(project(w.dt)),
    }
    return turn(scanNaive(inputs, w.dtBias, w.aLog, w.d, rows))
  }
  const there = pass((m) => m)
  const back = scan === 'causal' ? there : pass((m) => reversedSamples(m, rows))
  const mean = there.map((row, i) => row.map((value, e) => (value + back[i]![e]!) / 2))
  return product(gatedNormNaive(mean, project(w.z), w.gain, eps), transposed(w.out))
}
