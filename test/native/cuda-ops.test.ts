// The small kernels for GPUs, played on the host: plain tfjs ops, embedding and its gradient, and the optimizer's update with the
// bits of the reference.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { encodeBf16 } from '../../shared/gradients/bf16.js'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { embedding } from '../../worker/ops/embedding.js'
import { gradientHalves } from '../../worker/ops/gradient-halves.js'
import { kernelFor } from '../../worker/ops/registry.js'
import { orthogonalise } from '../../worker/ops/orthogonalise.js'
import type { ResidentBuffers } from '../../worker/ops/update.js'
import { adamAtan2, update, updateEma } from '../../worker/train/adam-atan2.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'

const root = process.cwd()
const rng = rngFor(5, 'cuda ops', 0, 0)
const random = (size: number): Float32Array => Float32Array.from({ length: size }, () => 2 * rng.uniform() - 1)

/** On the device: a sum that our kernel made. */
function there(values: Float32Array, shape: [number, number]): tf.Tensor2D {
  const product = tf.matMul<tf.Tensor2D>(tf.tensor2d(values, shape), tf.eye(shape[1]))
  return product
}

const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void => {
  assert.equal(actual.length, expected.length, what)
  for (let i = 0; i < expected.length; i++)
    assert.ok(Math.abs((actual[i] as number) - (expected[i] as number)) < 1e-5, `${what}: [${i}] ${actual[i]} for ${expected[i]}`) // prettier-ignore
}

describe('plain ops of the CUDA kernels, played on the host', { skip: noCompiler }, () => {
  before(async () => {
    await selectBackend('native', { root, precision: 'f32', ...(await cudaUnderTest(root)) })
  })

  it('multiplies matrices stored either way, with one operand for all batches', () => {
    const [m, k, n] = [5, 7, 3]
    const [a, b] = [random(2 * m * k), random(2 * k * n)]
    const expected = Array.from({ length: 2 * m * n }, (_, i) => {
      const [batch, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n]
      let sum = 0
      for (let l = 0; l < k; l++) sum += (a[(batch * m + row) * k + l] as number) * (b[(batch * k + l) * n + column] as number) // prettier-ignore
      return sum
    })
    const [ta, tb] = [tf.tensor3d(a, [2, m, k]), tf.tensor3d(b, [2, k, n])]
    const swap = (t: tf.Tensor3D): tf.Tensor3D => tf.transpose(t, [0, 2, 1])
    close(tf.matMul(ta, tb).dataSync(), expected, 'as stored')
    close(tf.matMul(swap(ta), tb, true, false).dataSync(), expected, 'a stored transposed')
    close(tf.matMul(ta, swap(tb), false, true).dataSync(), expected, 'b stored transposed')
    const one = tf.tensor3d(b.slice(0, k * n), [1, k, n])
    close(
      tf
        .matMul(ta, one)
        .dataSync()
        .slice(0, m * n),
      expected.slice(0, m * n),
      'one b for all',
    )
  })

  it('adds, scales, cuts, joins, gathers and reverses like the library', () => {
    const values = random(35)
    const x = there(values, [7, 5])
    const [plain, at] = [tf.tensor2d(values, [7, 5]), (i: number): number => values[i] as number]
    close(tf.add(x, plain).dataSync(), values.map((v) => 2 * v), 'add') // prettier-ignore
    close(tf.add(x, tf.tensor1d(values.slice(0, 5))).dataSync(), values.map((v, i) => v + at(i % 5)), 'add a row') // prettier-ignore
    close(tf.mul(x, 3).dataSync(), values.map((v) => 3 * v), 'scale') // prettier-ignore
    close(tf.slice(x, [2, 1], [3, 2]).dataSync(), [2, 3, 4].flatMap((r) => [at(r * 5 + 1), at(r * 5 + 2)]), 'slice') // prettier-ignore
    close(tf.gather(x, tf.tensor1d([6, 0, 6], 'int32')).dataSync(), [6, 0, 6].flatMap((r) => [0, 1, 2, 3, 4].map((c) => at(r * 5 + c))), 'gather') // prettier-ignore
    close(tf.concat([x, plain], 0).dataSync(), [...values, ...values], 'under each other')
    const beside = Array.from({ length: 7 }, (_, r) => [...values.slice(5 * r, 5 * r + 5), ...values.slice(5 * r, 5 * r + 5)]) // prettier-ignore
    close(tf.concat([x, plain], 1).dataSync(), beside.flat(), 'beside each other')
    const samples = tf.reshape(there(values.slice(0, 30), [6, 5]), [2, 3, 5])
    const rows = (order: number[]): number[] => order.flatMap((row) => [0, 1, 2, 3, 4].map((c) => at(row * 5 + c)))
    close(tf.reverse(samples, 1).dataSync(), rows([2, 1, 0, 5, 4, 3]), 'positions in reverse')
    close(tf.reverse(samples, 0).dataSync(), rows([3, 4, 5, 0, 1, 2]), 'samples in reverse, by the library')
    close(tf.sum(x, 0).dataSync(), [0, 1, 2, 3, 4].map((c) => [0, 1, 2, 3, 4, 5, 6].reduce((sum, r) => sum + at(5 * r + c), 0)), 'a sum of the library') // prettier-ignore
    assert.throws(() => tf.gather(x, tf.tensor1d([7], 'int32')).dataSync(), /row 7 of 7/)
  })

  it('looks up tokens and sums gradients by token, over more rows than a block takes', () => {
    const [vocab, width, count] = [11, 70, 1300]
    const table = random(vocab * width)
    const tokens = Uint8Array.from({ length: count }, () => Math.floor(rng.uniform() * vocab))
    const rows = embedding()
      .forward(tf.tensor2d(table, [vocab, width]), tokens)
      .dataSync()
    tokens.forEach((token, i) => close(rows.slice(i * width, (i + 1) * width), table.slice(token * width, (token + 1) * width), 'a row')) // prettier-ignore
    const dy = random(count * width)
    const sums = new Float64Array(vocab * width)
    tokens.forEach((token, i) => {
      for (let c = 0; c < width; c++) sums[token * width + c] = (sums[token * width + c] as number) + (dy[i * width + c] as number) // prettier-ignore
    })
    const found = embedding()
      .gradTable(tokens, vocab, tf.tensor2d(dy, [count, width]))
      .dataSync()
    for (let i = 0; i < sums.length; i++)
      assert.ok(Math.abs((found[i] as number) - (sums[i] as number)) < 1e-4, `[${i}]`)
    assert.throws(() => embedding().gradTable(Uint8Array.of(11), vocab, tf.tensor2d(random(width), [1, width])), /token 11 of 11/) // prettier-ignore
  })

  it('updates parameters and average with the bits of the reference', () => {
    const n = 20_011
    const [p, g] = [random(n), random(n)]
    g.forEach((_, i) => (g[i] = i % 7 === 0 ? 0 : (g[i] as number) * 10 ** (i % 12 - 9))) // prettier-ignore
    const make = (): Record<'p' | 'm' | 'v' | 'ema', Float32Array> => ({ p: p.slice(), m: new Float32Array(n), v: new Float32Array(n), ema: p.slice() }) // prettier-ignore
    const [ours, theirs] = [make(), make()]
    const options = { lr: 1e-3, beta1: 0.9, beta2: 0.95, weightDecay: 0.3 }
    for (let t = 1; t <= 4; t++) {
      update().adamAtan2(ours.p, ours.m, ours.v, g, t, options)
      update().updateEma(ours.ema, ours.p, 0.999)
      adamAtan2(theirs.p, theirs.m, theirs.v, g, t, options)
      updateEma(theirs.ema, theirs.p, 0.999)
      for (let i = 0; i < n; i++) g[i] = -0.7 * (g[i] as number)
    }
    const reference = { adamAtan2, updateEma, orthogonalise }
    assert.notEqual(kernelFor('update', reference), reference, 'the reference was compared with itself')
    for (const name of ['p', 'm', 'v', 'ema'] as const)
      assert.ok(Buffer.from(ours[name].buffer).equals(Buffer.from(theirs[name].buffer)), `${name} differs`)
  })

  it('keeps weights, moments and average on the device with the bits of the reference, and lets the weights alone come back', () => {
    const n = 20_011
    const g = random(n)
    const make = (): ResidentBuffers => ({
      params: random(n),
      m: random(n),
      v: random(n).map(Math.abs),
      ema: random(n),
    })
    const theirs = make()
    const start = { params: theirs.params.slice(), m: theirs.m.slice(), v: theirs.v.slice(), ema: theirs.ema.slice() }
    const host = { m: start.m.slice(), v: start.v.slice(), ema: start.ema.slice() }
    const options = { lr: 1e-3, beta1: 0.9, beta2: 0.95, weightDecay: 0.3 }
    const { numTensors } = tf.memory()
    const resident = update().reside?.(start)
    assert.ok(resident !== undefined)
    for (let t = 1; t <= 4; t++) {
      const frozen = t === 2
      resident.apply(g, t, options, frozen ? null : 0.999)
      adamAtan2(theirs.params, theirs.m, theirs.v, g, t, options)
      if (!frozen) updateEma(theirs.ema, theirs.params, 0.999)
      for (let i = 0; i < n; i++) g[i] = -0.7 * (g[i] as number)
    }
    assert.deepEqual(start.params, theirs.params, 'params come back')
    for (const name of ['m', 'v', 'ema'] as const) {
      assert.deepEqual(resident.read(name), theirs[name], name)
      assert.deepEqual(start[name], host[name], `${name} of the host is left alone`)
    }
    const piece = resident.cut('ema')(101, 6, 7)
    assert.deepEqual(piece.shape, [6, 7])
    assert.deepEqual(piece.dataSync(), theirs.ema.slice(101, 143))
    piece.dispose()
    assert.throws(() => resident.cut('params')(n - 3, 2, 2), /has 20011 floats, needs 20012/)
    assert.throws(() => resident.apply(new Float32Array(3), 5, options, null), /does not move 20011 weights/)
    resident.dispose()
    assert.equal(tf.memory().numTensors, numTensors)
    assert.throws(() => resident.read('m'), /after it was given back/)
  })

  it('rounds gradients to bf16 as the wire does, in pieces, and notices what is no number', () => {
    // More than one piece of a copy, which ends in a short one.
    const n = 2 ** 20 + 77
    const [first, second] = [random(6), random(n - 40)]
    for (let i = 0; i < second.length; i++) second[i] = (second[i] as number) * 10 ** ((i % 60) - 30)
    const flat = new Float32Array(n)
    flat.set(first, 3)
    flat.set(second, 40)
    const expected = new Uint16Array(n)
    encodeBf16(flat, expected)
    const leave = gradientHalves()
    assert.ok(leave !== undefined)
    const [a, b] = [there(first, [2, 3]), tf.tensor1d(second)]
    const halves = new Uint16Array(new SharedArrayBuffer(2 * n)).fill(7)
    assert.equal(leave([[40, b], [3, a]], halves), true) // prettier-ignore
    assert.ok(Buffer.from(halves).equals(Buffer.from(expected)))
    assert.throws(() => leave([[n - 5, a]], halves), /a gradient of 6 numbers at 1048648 does not fit into 1048653/)
    for (const bad of [NaN, Infinity, -Infinity])
      for (const at of [0, 2 ** 20 + 30])
        assert.equal(leave([[0, tf.tensor1d(second.map((value, i) => (i === at ? bad : value)))]], halves), false, `${bad} at ${at}`) // prettier-ignore
    tf.dispose([a, b])
  })

  it('gives back all memory of the device', () => {
    const { numTensors } = tf.memory()
    tf.tidy(() => void tf.add(there(random(35), [7, 5]), there(random(35), [7, 5])).dataSync())
    assert.equal(tf.memory().numTensors, numTensors)
  })
})
