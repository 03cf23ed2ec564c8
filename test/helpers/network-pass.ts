// A network pass on whatever backend is set, and how far two results are apart: for tests that hold engines against each other.
import assert from 'node:assert/strict'
import type * as tf from '@tensorflow/tfjs-core'
import { Gradients } from '../../worker/ops/gradients.js'
import { linear } from '../../worker/ops/linear.js'
import { network } from '../../worker/ops/network.js'
import { setUp, type Inputs, type Outputs, type Problem } from './native.js'

/** Forward, forward with saves and backward (twice, so that gradients add up) on the current backend. */
export function compute(problem: Problem, inputs: Inputs): Outputs {
  const { h, injection, dy, stack, shape } = setUp(problem, inputs, (offset, w) => linear().weight(offset, w))
  const values = (t: tf.Tensor): Float32Array => t.dataSync<'float32'>().slice()
  const op = network()
  const y = values(op.forward(h, injection, stack, shape))
  const { y: saving, saved } = op.forwardSaving(h, injection, stack, shape)
  const ySaving = values(saving)
  const gradients = new Gradients()
  const dh = values(op.backward(saved, dy, stack, shape, gradients))
  op.backward(saved, dy, stack, shape, gradients)
  const total = inputs.weights.flat().reduce((sum, piece) => sum + piece.values.length, 0)
  const flat = new Float32Array(total)
  gradients.addTo(flat)
  return { y, ySaving, dh, gradients: flat }
}

/** Root mean square of the difference over that of the expected values. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  assert.equal(actual.length, expected.length)
  let difference = 0
  let size = 0
  expected.forEach((value, i) => {
    difference += ((actual[i] as number) - value) ** 2
    size += value ** 2
  })
  return Math.sqrt(difference / size)
}

/** Of a whole pass: how far its results may be off, and those of the way back. */
export interface Allowed {
  readonly forward: number
  readonly backward: number
}

/** Fails where one of the results is off by more; and where keeping what backward needs changes what comes out. */
export function mustAgree(ours: Outputs, theirs: Outputs, { forward, backward }: Allowed, title: string): void {
  for (const [what, limit] of [
    ['y', forward],
    ['ySaving', forward],
    ['dh', backward],
    ['gradients', backward],
  ] as const) {
    const error = relativeError(ours[what], theirs[what])
    assert.ok(error < limit, `${title}: ${what} is off by ${error}, allowed ${limit}`)
  }
  assert.deepEqual(ours.y, ours.ySaving, `${title}: saving changes the result`)
}
