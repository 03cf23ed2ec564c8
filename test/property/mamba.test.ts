// Mamba-2's ops and ConvSwiGLU over odd shapes, on every backend that is here: forward against plain loops in doubles,
// gradients against differences of those loops; what sees what; symmetry of both directions; nothing left behind.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { selectBackend } from '../../worker/backends/choose.js'
import { findTensorflow } from '../../worker/backends/tensorflow.js'
import { causalConv } from '../../worker/ops/causal-conv.js'
import { convSwiglu } from '../../worker/ops/conv-swiglu.js'
import { gatedNorm } from '../../worker/ops/gated-norm.js'
import { Gradients } from '../../worker/ops/gradients.js'
import type { Table, Weight } from '../../worker/ops/linear.js'
import { linear } from '../../worker/ops/linear.js'
import type { MambaWeights, Scan } from '../../worker/ops/mamba.js'
import { mamba } from '../../worker/ops/mamba.js'
import { selectiveScan } from '../../worker/ops/selective-scan.js'
import {
  convNaive,
  gatedNormNaive,
  MAMBA_SHAPES,
  mambaNaive,
  reversedSamples,
  scanNaive,
  type MambaMatrices,
} from '../helpers/mamba.js'
import { leakless, near, numeric, product, random, silu, taken, tensor, transposed } from '../helpers/matrices.js'
import type { Matrix } from '../helpers/matrices.js'
import { setsBuilt } from '../helpers/native.js'

const root = process.cwd()
const BACKENDS = [
  { backend: 'wasm', skip: false },
  { backend: 'tensorflow', skip: findTensorflow(root).length > 0 ? false : 'TensorFlow is not installed here' },
  {
    backend: 'native',
    skip: setsBuilt(root).length > 0 ? false : 'the native engine is not built here: npm run native',
  },
] as const

/** Batch, positions, channels; 70 and 130 are two and three chunks of the scan. */
const ROWS = [
  [1, 1, 3],
  [2, 5, 4],
  [3, 9, 1],
] as const

/** A parameter of a small problem at its offset. */
const tableAt = (offset: number, m: Matrix): Table => ({ offset, table: tensor(m) })

/** The gradient that was left, against differences of a naive function of each parameter. */
function checkParameters(
  gradients: Gradients,
  parts: readonly (readonly [Matrix, (at: Matrix) => Matrix])[],
  dy: Matrix,
): void {
  const elements = parts.reduce((sum, [m]) => sum + m.flat().length, 0)
  const flat = taken(gradients, elements)
  let at = 0
  for (const [i, [m, f]] of parts.entries()) {
    const size = m.flat().length
    near(tf.tensor1d(flat.subarray(at, at + size)), [numeric(f, m, dy).flat()], `parameter ${i}`, 3e-4)
    at += size
  }
}

for (const { backend, skip } of BACKENDS)
  describe(`Mamba-2 and ConvSwiGLU on ${backend}`, { skip }, () => {
    before(async () => {
      await selectBackend(backend, { root, precision: 'f32' })
    })

    it('convolution: causal, each sample by itself, and all gradients', () => {
      for (const [batch, positions, channels] of ROWS)
        for (const width of [2, 4])
          leakless(() => {
            const rows = { batch, positions }
            const [x, dy] = [random(1, batch * positions, channels, 2), random(2, batch * positions, channels)]
            const [taps, bias] = [random(3, channels, width), random(4, channels, 1)]
            const weights = { taps: tableAt(0, taps), bias: tableAt(channels * width, bias) }
            const { y, saved } = causalConv().forward(tensor(x), weights, rows)
            near(y, convNaive(x, taps, bias, rows), 'y')
            const gradients = new Gradients()
            const dx = causalConv().backward(saved, tensor(dy), weights, rows, gradients)
            near(dx, numeric((at) => convNaive(at, taps, bias, rows), x, dy), 'dx', 1e-4) // prettier-ignore
            checkParameters(
              gradients,
              [
                [taps, (at) => convNaive(x, at, bias, rows)],
                [bias, (at) => convNaive(x, taps, at, rows)],
              ],
              dy,
            )
          })
    })

    it('gated norm, and all gradients', () => {
      leakless(() => {
        const [v, z, dy, gain] = [random(1, 5, 6), random(2, 5, 6, 2), random(3, 5, 6), random(4, 6, 1)]
        const { y, saved } = gatedNorm().forward(tensor(v), tensor(z), tableAt(0, gain), 1e-2)
        near(y, gatedNormNaive(v, z, gain, 1e-2), 'y')
        const gradients = new Gradients()
        const { dv, dz } = gatedNorm().backward(saved, tensor(dy), tableAt(0, gain), gradients)
        near(dv, numeric((at) => gatedNormNaive(at, z, gain, 1e-2), v, dy), 'dv', 1e-4) // prettier-ignore
        near(dz, numeric((at) => gatedNormNaive(v, at, gain, 1e-2), z, dy), 'dz', 1e-4) // prettier-ignore
        checkParameters(gradients, [[gain, (at) => gatedNormNaive(v, z, at, 1e-2)]], dy)
      })
    })

    it('the scan in chunks is the recurrence, and so are its gradients', () => {
      for (const [batch, positions, heads, size, state] of [
        [1, 1, 1, 1, 1],
        [2, 5, 2, 3, 4],
        [2, 70, 2, 1, 2],
        [1, 130, 1, 2, 1],
      ] as const)
        leakless(() => {
          const rows = { batch, positions }
          const count = batch * positions
          const inputs = {
            x: random(1, count, heads * size),
            b: random(2, count, state),
            c: random(3, count, state),
            raw: random(4, count, heads, 2),
          }
          const dy = random(5, count, heads * size)
          // Decays from slow to fast: exp(aLog) from 0.02 to 16.
          const [dtBias, d] = [random(6, heads, 1), random(7, heads, 1)]
          const aLog = Array.from({ length: heads }, (_, i) => [heads === 1 ? -4 : -1 + 3.77 * i])
          const weights = { dtBias: tableAt(0, dtBias), aLog: tableAt(heads, aLog), d: tableAt(2 * heads, d) }
          const tensors = { x: tensor(inputs.x), b: tensor(inputs.b), c: tensor(inputs.c), raw: tensor(inputs.raw) }
          const what = `${batch} x ${positions}`
          near(selectiveScan().forward(tensors, weights, rows), scanNaive(inputs, dtBias, aLog, d, rows), what)
          const gradients = new Gradients()
          const back = selectiveScan().backward(tensors, tensor(dy), weights, rows, gradients)
          for (const name of ['x', 'b', 'c', 'raw'] as const)
            near(
              back[name],
              numeric((at) => scanNaive({ ...inputs, [name]: at }, dtBias, aLog, d, rows), inputs[name], dy),
              `d${name} of ${what}`,
              1e-4,
            )
          checkParameters(
            gradients,
            [
              [dtBias, (at) => scanNaive(inputs, at, aLog, d, rows)],
              [aLog, (at) => scanNaive(inputs, dtBias, at, d, rows)],
              [d, (at) => scanNaive(inputs, dtBias, aLog, at, rows)],
            ],
            dy,
          )
        })
    })

    it('ConvSwiGLU, and all gradients', () => {
      leakless(() => {
        const [batch, positions, width, inner] = [2, 4, 3, 5]
        const rows = { batch, positions }
        const [x, dy] = [random(1, 8, width, 2), random(2, 8, width)]
        const parts = { gate: random(3, inner, width), up: random(4, inner, width), down: random(5, width, inner), taps: random(6, inner, 2), bias: random(7, inner, 1) } // prettier-ignore
        const naive = (at: Matrix, { gate, up, down, taps, bias }: typeof parts): Matrix => {
          const [a, b] = [product(at, transposed(gate)), product(at, transposed(up))]
          const middle = a.map((row, i) => row.map((value, j) => silu(value) * b[i]![j]!))
          return product(convNaive(middle, taps, bias, rows), transposed(down))
        }
        const size = inner * width
        const weights = {
          gate: linear().weight(0, tensor(parts.gate)),
          up: linear().weight(size, tensor(parts.up)),
          down: linear().weight(2 * size, tensor(parts.down)),
          taps: tableAt(3 * size, parts.taps),
          bias: tableAt(3 * size + 2 * inner, parts.bias),
        }
        const { y, saved } = convSwiglu().forward(tensor(x), weights, rows)
        near(y, naive(x, parts), 'y')
        const gradients = new Gradients()
        const dx = convSwiglu().backward(saved, tensor(dy), weights, rows, gradients)
        near(dx, numeric((at) => naive(at, parts), x, dy), 'dx', 1e-4) // prettier-ignore
        const names = ['gate', 'up', 'down', 'taps', 'bias'] as const
        checkParameters(
          gradients,
          names.map((name) => [parts[name], (at) => naive(x, { ...parts, [name]: at })]),
          dy,
        )
      })
    })

    const sizes = { D: 3, E: 6, N: 2, H: 2, K: 4, one: 1 } as const
    const rows = { batch: 2, positions: 7 }
    const matrices = Object.fromEntries(
      Object.entries(MAMBA_SHAPES).map(([name, [r, c]], i) => [name, random(20 + i, sizes[r], sizes[c])]),
    ) as MambaMatrices
    const weightsOf = (): MambaWeights => {
      let offset = 0
      const made = Object.entries(matrices).map(([name, m]): [string, Weight | Table] => {
        const at = offset
        offset += m.flat().length
        return [
          name,
          ['z', 'x', 'b', 'c', 'dt', 'out'].includes(name) ? linear().weight(at, tensor(m)) : tableAt(at, m),
        ]
      })
      return Object.fromEntries(made) as unknown as MambaWeights
    }

    for (const scan of ['causal', 'bidirectional'] as const)
      it(`the sub-layer, ${scan}: against plain loops, with all gradients`, () => {
        leakless(() => {
          const shape = { ...rows, scan, eps: 1e-2 }
          const [h, dy] = [random(1, 14, 3), random(2, 14, 3)]
          const naive = (at: Matrix, w: MambaMatrices): Matrix => mambaNaive(at, w, rows, scan, 1e-2)
          const weights = weightsOf()
          const { y, saved } = mamba().forward(tensor(h), weights, shape)
          near(y, naive(h, matrices), 'y')
          const gradients = new Gradients()
          const dh = mamba().backward(saved, tensor(dy), weights, shape, gradients)
          near(dh, numeric((at) => naive(at, matrices), h, dy), 'dh', 2e-4) // prettier-ignore
          checkParameters(
            gradients,
            Object.entries(matrices).map(([name, m]) => [m, (at) => naive(h, { ...matrices, [name]: at })]),
            dy,
          )
        })
      })

    it('the sub-layer: causal sees no later position, bidirectional does, and turns with its input', () => {
      leakless(() => {
        const h = random(3, 14, 3)
        const output = (of: Matrix, scan: Scan): Float32Array =>
          mamba()
            .forward(tensor(of), weightsOf(), { ...rows, scan, eps: 1e-5 })
            .y.dataSync<'float32'>()
        const changed = h.map((row, i) => (i % 7 === 5 ? row.map((value) => value + 1) : row))
        const early = (values: Float32Array): Float32Array => values.slice(0, 5 * 3)
        assert.deepEqual(early(output(changed, 'causal')), early(output(h, 'causal')))
        assert.notDeepEqual(early(output(changed, 'bidirectional')), early(output(h, 'bidirectional')))
        const turned = output(reversedSamples(h, rows), 'bidirectional')
        const straight = Array.from({ length: 14 }, (_, i) => [...output(h, 'bidirectional').slice(3 * i, 3 * i + 3)])
        near(tf.tensor1d(turned), [reversedSamples(straight, rows).flat()], 'turned', 1e-6)
      })
    })
  })
