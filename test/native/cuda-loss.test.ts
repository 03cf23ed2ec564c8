// The loss head of the kernels for GPUs, played on the host, against the host's own: a whole step of a small model, with and
// without it; and rows without a label, labels that are none, ties.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { ownKernel } from '../../worker/ops/registry.js'
import { lossHead } from '../../worker/train/loss.js'
import { lossOnDevice } from '../../worker/train/loss-on-device.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'

const root = process.cwd()
const rng = rngFor(9, 'cuda loss', 0, 0)

describe('the loss head of the CUDA kernels, played on the host', { skip: noCompiler }, () => {
  before(async () => {
    await selectBackend('native', { root, precision: 'f32', ...(await cudaUnderTest(root)) })
  })

  it('gives the losses, sums and gradients of the host', () => {
    const [rows, positions, first, vocab] = [5, 150, 7, 12]
    const [cells, columns] = [positions - first, vocab + 2]
    const values = Float32Array.from({ length: rows * positions * columns }, () => 6 * (rng.uniform() - 0.5))
    const labels = Uint8Array.from({ length: rows * cells }, () => Math.floor(rng.uniform() * vocab))
    labels.fill(0, cells, 2 * cells) // no label in row 1
    // Row 2 is right everywhere; in its first cell two logits are equal and the lower one counts.
    for (let cell = 0; cell < cells; cell++) {
      const at = (2 * positions + first + cell) * columns
      labels[2 * cells + cell] = 3
      values[at + 3] = 9
    }
    values[(2 * positions + first) * columns + 8] = 9
    const bias = [0.25, -0.5] as const
    const q = (which: 0 | 1): Float32Array => Float32Array.from({ length: rows }, (_, row) => (values[row * positions * columns + vocab + which] as number) + bias[which]) // prettier-ignore
    for (const learns of [false, true]) {
      const targets = Float32Array.from({ length: rows }, () => rng.uniform())
      const seen = {
        qHalt: q(0),
        halted: [true, true, true, false, true],
        steps: [1, 2, 3, 4, 5],
        ...(learns ? { qContinue: q(1), targetContinue: targets } : {}),
      }
      const gradients = (): { weight: number; qHalt: Float64Array; qContinue: Float64Array } => ({ weight: 1 / 8, qHalt: new Float64Array(rows), qContinue: new Float64Array(rows) }) // prettier-ignore
      const at = { start: first * columns, rowStride: positions * columns, cellStride: columns }
      const expected = new Float32Array(values.length)
      const [hostGradients, deviceGradients] = [gradients(), gradients()]
      const host = lossHead(
        { rows, cells, vocab, logits: values, at, labels, ignoreLabel: 0, ...seen },
        { ...hostGradients, logits: expected },
      )
      for (let row = 0; row < rows; row++)
        expected.set([hostGradients.qHalt[row] as number, hostGradients.qContinue[row] as number], row * at.rowStride + vocab) // prettier-ignore
      const kernel = ownKernel('headLoss')
      assert.ok(kernel)
      const out = tf.tensor2d(values, [rows * positions, columns])
      const input = { rows, positions, first, vocab, labels, ignored: 0, weight: 1 / 8, bias, targets: learns ? targets : null } // prettier-ignore
      const { sums, dOut } = lossOnDevice(kernel, out, input, seen, deviceGradients)
      assert.ok(Math.abs(sums.lmLoss - host.sums.lmLoss) < 1e-9, `${sums.lmLoss} for ${host.sums.lmLoss}`)
      assert.deepEqual({ ...sums, lmLoss: 0, lossTotal: 0 }, { ...host.sums, lmLoss: 0, lossTotal: 0 })
      assert.deepEqual(deviceGradients, hostGradients)
      const found = dOut.dataSync()
      expected.forEach((value, i) => assert.ok(Math.abs((found[i] as number) - value) < 1e-9, `[${i}] ${found[i]} for ${value}`)) // prettier-ignore
      assert.throws(() => kernel(out, { ...input, labels: labels.map((label, i) => (i === 4 ? 12 : label)) }), /label 12 of 12/) // prettier-ignore
    }
  })
})
