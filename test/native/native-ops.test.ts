// Plain tfjs ops and the optimizer's update on the native backend: against the library and the reference, on odd shapes; and
// memory that is used again is never seen by anybody else.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { adamAtan2, update, updateEma } from '../../worker/train/adam-atan2.js'
import { orthogonalise } from '../../worker/ops/orthogonalise.js'
import { setsBuilt } from '../helpers/native.js'

const root = process.cwd()
const sets = setsBuilt(root)
const skip = sets.length > 0 ? false : 'the native engine is not built here: npm run native'

const rng = rngFor(3, 'native ops', 0, 0)
const random = (size: number): Float32Array => Float32Array.from({ length: size }, () => 2 * rng.uniform() - 1)

function product(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Float32Array {
  const c = new Float32Array(m * n)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let l = 0; l < k; l++) sum += (a[i * k + l] as number) * (b[l * n + j] as number)
      c[i * n + j] = sum
    }
  return c
}

function close(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, expected.length, what)
  for (let i = 0; i < expected.length; i++)
    assert.ok(Math.abs((actual[i] as number) - (expected[i] as number)) < 2e-5, `${what}: [${i}] ${actual[i]} for ${expected[i]}`) // prettier-ignore
}

for (const isa of sets)
  describe(`plain ops on ${isa.name}`, { skip }, () => {
    before(async () => {
      await selectBackend('native', { root, isa: isa.name, threads: 2 })
    })

    it('multiplies matrices of odd sizes, stored either way, with one operand for all batches', () => {
      for (const [m, k, n] of [
        [1, 1, 1],
        [17, 6, 13],
        [33, 70, 45],
        [5, 97, 33],
        [64, 2, 1],
      ] as const) {
        const [a, b] = [random(2 * m * k), random(2 * k * n)]
        const parts = [0, 1].map((i) => product(a.subarray(i * m * k), b.subarray(i * k * n), m, k, n))
        const [ta, tb] = [tf.tensor3d(a, [2, m, k]), tf.tensor3d(b, [2, k, n])]
        const swap = (t: tf.Tensor3D): tf.Tensor3D => tf.transpose(t, [0, 2, 1])
        const expected = parts.flatMap((part) => [...part])
        close(tf.matMul(ta, tb).dataSync(), expected, `${m} ${k} ${n}`)
        close(tf.matMul(swap(ta), tb, true, false).dataSync(), expected, 'a stored transposed')
        close(tf.matMul(ta, swap(tb), false, true).dataSync(), expected, 'b stored transposed')
        close(tf.matMul(swap(ta), swap(tb), true, true).dataSync(), expected, 'both stored transposed')
        const first = tf.tensor3d(b.slice(0, k * n), [1, k, n])
        const shared = [0, 1].flatMap((i) => [...product(a.subarray(i * m * k), b, m, k, n)])
        close(tf.matMul(ta, first).dataSync(), shared, 'one b for all')
        const firstA = tf.tensor3d(a.slice(0, m * k), [1, m, k])
        close(tf.matMul(firstA, tb).dataSync(), [0, 1].flatMap((i) => [...product(a, b.subarray(i * k * n), m, k, n)]), 'one a for all') // prettier-ignore
      }
    })

    it('adds, scales, cuts, gathers and reverses like the library', () => {
      const x = tf.tensor2d(random(7 * 5), [7, 5])
      const y = tf.tensor2d(random(7 * 5), [7, 5])
      const row = tf.tensor1d(random(5))
      const at = (t: tf.Tensor, i: number): number => t.dataSync()[i] as number
      close(
        tf.add(x, y).dataSync(),
        Array.from({ length: 35 }, (_, i) => at(x, i) + at(y, i)),
        'add',
      )
      close(
        tf.add(x, row).dataSync(),
        Array.from({ length: 35 }, (_, i) => at(x, i) + at(row, i % 5)),
        'add a row',
      )
      close(
        tf.mul(x, 3).dataSync(),
        Array.from({ length: 35 }, (_, i) => 3 * at(x, i)),
        'scale',
      )
      close(
        tf.mul(x, y).dataSync(),
        Array.from({ length: 35 }, (_, i) => at(x, i) * at(y, i)),
        'multiply',
      )
      close(tf.slice(x, [2, 1], [3, 2]).dataSync(), [2, 3, 4].flatMap((r) => [at(x, r * 5 + 1), at(x, r * 5 + 2)]), 'slice') // prettier-ignore
      close(tf.slice(x, [1, 0], [-1, -1]).dataSync(), Array.from({ length: 30 }, (_, i) => at(x, i + 5)), 'slice to the end') // prettier-ignore
      close(tf.gather(x, tf.tensor1d([6, 0, 6], 'int32')).dataSync(), [6, 0, 6].flatMap((r) => [0, 1, 2, 3, 4].map((c) => at(x, r * 5 + c))), 'gather') // prettier-ignore
      assert.throws(() => tf.gather(x, tf.tensor1d([7], 'int32')).dataSync(), /row 7/)
      assert.throws(() => tf.slice(x, [5, 0], [4, 5]))
      const samples = tf.tensor3d(random(2 * 3 * 5), [2, 3, 5])
      const turned = [2, 1, 0, 5, 4, 3].flatMap((row) => [0, 1, 2, 3, 4].map((c) => at(samples, row * 5 + c)))
      close(tf.reverse(samples, 1).dataSync(), turned, 'positions in reverse')
      close(tf.reverse(samples, [0, 2]).dataSync(), Array.from({ length: 30 }, (_, i) => at(samples, (1 - Math.floor(i / 15)) * 15 + Math.floor((i % 15) / 5) * 5 + 4 - (i % 5))), 'other axes in reverse') // prettier-ignore
    })

    it('differentiates through the ops of the library', () => {
      const gradient = tf.grad((x) => tf.sum(tf.square(tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D))))
      assert.deepEqual([...gradient(tf.tensor2d([1, 2, 3, 4], [2, 2])).dataSync()], [158, 274, 266, 482])
    })

    it('never hands out memory that somebody may still read', () => {
      const size = 1 << 15
      const ones = tf.ones([size])
      const read = tf.add(ones, ones)
      const kept = read.dataSync<'float32'>()
      read.dispose()
      const view = tf.tidy(() => tf.slice(tf.add(ones, ones), [0], [size]))
      const copy = tf.tidy(() => tf.clone(tf.add(ones, ones)))
      const shaped = tf.tidy(() => tf.reshape(tf.add(ones, ones), [2, size / 2]))
      for (let i = 0; i < 40; i++) tf.add(ones, tf.mul(ones, i)).dispose()
      for (const [what, values] of [
        ['an array that was read', kept],
        ['a view', view.dataSync()],
        ['a clone', copy.dataSync()],
        ['a reshaped tensor', shaped.dataSync()],
      ] as const)
        assert.ok(
          values.every((value) => value === 2),
          `${what} was overwritten`,
        )
      assert.equal(ones.dataSync()[0], 1)
    })

    it('updates parameters and average with the bits of the reference', async () => {
      const n = 100_003
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
      // Entries down to denormal numbers, which the engine's threads would take for zero.
      const shapes = [[64, 171], [131, 33], [7, 5]] as const // prettier-ignore
      for (const [rows, columns] of shapes) {
        const ours = random(rows * columns).map((value, i) => value * 10 ** (-(i % 5) * 10))
        const theirs = ours.slice()
        update().orthogonalise(ours, rows, columns)
        orthogonalise(theirs, rows, columns)
        assert.ok(Buffer.from(ours.buffer).equals(Buffer.from(theirs.buffer)), `${rows} x ${columns} differs`)
      }
      assert.throws(() => update().orthogonalise(random(5), 2, 3), /5|length|6/)
      const kernel = update()
      await tf.setBackend('cpu')
      assert.notEqual(update(), kernel, 'the reference was compared with itself')
      await tf.setBackend('native')
      for (const name of ['p', 'm', 'v', 'ema'] as const)
        assert.ok(Buffer.from(ours[name].buffer).equals(Buffer.from(theirs[name].buffer)), `${name} differs`)
      assert.throws(() => update().adamAtan2(p, p, p, g.subarray(1), 1, options), /do not belong together/)
    })
  })
