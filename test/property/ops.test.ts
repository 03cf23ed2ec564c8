// Every op over odd shapes: forward against naive loops in doubles, gradients against numeric differences of the naive
// forward; on every backend that is here, so both the references and the kernels registered for wasm.
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { selectBackend } from '../../worker/backends/choose.js'
import { findTensorflow } from '../../worker/backends/tensorflow.js'
import { addNorm } from '../../worker/ops/add-norm.js'
import { attention } from '../../worker/ops/attention.js'
import { batchMatMul } from '../../worker/ops/batch-matmul.js'
import { embedding } from '../../worker/ops/embedding.js'
import { Gradients } from '../../worker/ops/gradients.js'
import { linear } from '../../worker/ops/linear.js'
import { ropeTables } from '../../worker/ops/rope.js'
import { swiglu } from '../../worker/ops/swiglu.js'
import { leakless, near, norm, numeric, product, random, silu, taken, tensor, transposed } from '../helpers/matrices.js'
import type { Matrix } from '../helpers/matrices.js'

const RUNS = { numRuns: 12, seed: 20251008 }

const sizes = fc.record({ n: fc.integer({ min: 1, max: 9 }), seed: fc.integer({ min: 0, max: 1 << 30 }) })

const installed = findTensorflow(process.cwd()).length > 0
const BACKENDS = [
  { backend: 'wasm', skip: false },
  { backend: 'tensorflow', skip: installed ? false : 'TensorFlow is not installed here' },
] as const

for (const { backend, skip } of BACKENDS)
  describe(`ops on ${backend}`, { skip }, () => {
    before(async () => {
      await selectBackend(backend, { root: process.cwd() })
    })

    it('linear: y = x W^T and both gradients', () => {
      fc.assert(
        fc.property(
          sizes,
          fc.integer({ min: 1, max: 17 }),
          fc.integer({ min: 1, max: 17 }),
          ({ n, seed }, inner, out) => {
            leakless(() => {
              const [x, w, dy] = [random(seed, n, inner), random(seed + 1, out, inner), random(seed + 2, n, out)]
              const weight = linear().weight(0, tensor(w))
              near(linear().forward(tensor(x), weight), product(x, transposed(w)), 'y')
              near(linear().gradInput(tensor(dy), weight), product(dy, w), 'dx')
              near(linear().gradWeight(tensor(dy), tensor(x)), product(transposed(dy), x), 'dW')
            })
          },
        ),
        RUNS,
      )
    })

    it('batched product: all transposes, small (looped) and large (one by one)', () => {
      for (const [m, k, n] of [
        [3, 5, 2],
        [130, 120, 110],
      ] as const)
        // prettier-ignore
        for (const [ta, tb] of [[false, false], [true, false], [false, true], [true, true]] as const) // prettier-ignore
        leakless(() => {
          const a = [random(1, m, k), random(2, m, k)]
          const b = [random(3, k, n), random(4, k, n)]
          const stack = (list: Matrix[], turn: boolean): tf.Tensor3D => tf.tensor3d(turn ? list.map(transposed) : list)
          const ours = batchMatMul(stack(a, ta), stack(b, tb), ta, tb)
          near(ours, a.flatMap((one, i) => product(one, b[i]!)), `${m}x${k}x${n} ${ta} ${tb}`) // prettier-ignore
        })
    })

    it('residual and RMS norm, forward and back', () => {
      fc.assert(
        fc.property(sizes, fc.integer({ min: 1, max: 17 }), ({ n, seed }, width) => {
          leakless(() => {
            const [a, b, dy] = [random(seed, n, width), random(seed + 1, n, width), random(seed + 2, n, width)]
            const saved = addNorm().forward(tensor(a), tensor(b), 1e-2)
            near(saved.y, norm(a, b, 1e-2), 'y')
            near(addNorm().backward(saved, tensor(dy)), numeric((x) => norm(x, b, 1e-2), a, dy), 'ds', 1e-4) // prettier-ignore
          })
        }),
        RUNS,
      )
    })

    it('embedding: rows by token, gradient summed per token', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 1, maxLength: 40, max: 5 }), fc.nat(1000), (tokens, seed) => {
          leakless(() => {
            const table = random(seed, 6, 7)
            const dy = random(seed + 1, tokens.length, 7)
            near(embedding().forward(tensor(table), tokens), Array.from(tokens, (t) => table[t]!), 'rows', 0) // prettier-ignore
            const expected = table.map((row) => row.map(() => 0))
            tokens.forEach((token, i) => dy[i]!.forEach((d, j) => (expected[token]![j]! += d)))
            near(embedding().gradTable(tokens, 6, tensor(dy)), expected, 'dTable')
          })
        }),
        RUNS,
      )
    })

    // Normed: sigmoid(a) RMSNorm(a b), written out.
    for (const normEps of [undefined, 0.1])
      it(`SwiGLU${normEps === undefined ? '' : ' with a norm inside'}: gate first, and the gradients of x and all weights`, () => {
        fc.assert(
          fc.property(
            sizes,
            fc.integer({ min: 1, max: 6 }),
            fc.integer({ min: 1, max: 7 }),
            ({ n, seed }, width, inner) => {
              leakless(() => {
                const [x, dy] = [random(seed, n, width, 2), random(seed + 1, n, width)]
                const [gate, up, down] = [random(seed + 2, inner, width), random(seed + 3, inner, width), random(seed + 4, width, inner)] // prettier-ignore
                const naive = (xx: Matrix, g: Matrix, u: Matrix, d: Matrix): Matrix => {
                  const [a, b] = [product(xx, transposed(g)), product(xx, transposed(u))]
                  const middle = a.map((row, i) => {
                    const p = row.map((value, j) => value * b[i]![j]!)
                    const rms = Math.sqrt(p.reduce((sum, value) => sum + value * value, 0) / p.length + (normEps ?? 0))
                    return row.map((value, j) =>
                      normEps === undefined ? silu(value) * b[i]![j]! : (silu(value) / value / rms) * p[j]!,
                    )
                  })
                  return product(middle, transposed(d))
                }
                const size = inner * width
                const weights = {
                  gate: linear().weight(0, tensor(gate)),
                  up: linear().weight(size, tensor(up)),
                  down: linear().weight(2 * size, tensor(down)),
                }
                const { y, saved } = swiglu().forward(tensor(x), weights, normEps)
                near(y, naive(x, gate, up, down), 'y')
                const gradients = new Gradients()
                const dx = swiglu().backward(saved, tensor(dy), weights, gradients)
                near(dx, numeric((at) => naive(at, gate, up, down), x, dy), 'dx', 1e-4) // prettier-ignore
                const flat = taken(gradients, 3 * size)
                const all = [
                  ...numeric((at) => naive(x, at, up, down), gate, dy),
                  ...numeric((at) => naive(x, gate, at, down), up, dy),
                  ...numeric((at) => naive(x, gate, up, at), down, dy),
                ].flat()
                near(tf.tensor1d(flat), [all], 'dW', 1e-4)
              })
            },
          ),
          RUNS,
        )
      })

    for (const withRope of [true, false])
      it(`attention ${withRope ? 'with' : 'without'} RoPE: heads in order, no mask, all gradients`, () => {
        fc.assert(
          fc.property(
            fc.record({
              batch: fc.integer({ min: 1, max: 2 }),
              positions: fc.constantFrom(1, 2, 5, 17),
              heads: fc.integer({ min: 1, max: 2 }),
              half: fc.integer({ min: 1, max: 2 }),
              seed: fc.nat(1 << 29),
            }),
            ({ batch, positions, heads, half, seed }) => {
              leakless(() => {
                const size = 2 * half
                const width = heads * size
                const theta = 100
                const x = random(seed, batch * positions, width)
                const dy = random(seed + 1, batch * positions, width)
                const stored = [2, 3, 4, 5].map((i) => random(seed + i, width, width, 1.5))
                const turn = (row: number[], t: number): number[] =>
                  row.map((value, c) => {
                    if (!withRope) return value
                    const j = c % half
                    const angle = t * theta ** ((-2 * j) / size)
                    return c < half
                      ? value * Math.cos(angle) - row[c + half]! * Math.sin(angle)
                      : value * Math.cos(angle) + row[c - half]! * Math.sin(angle)
                  })
                const naive = (xx: Matrix, w: Matrix[]): Matrix => {
                  const [q, k, v] = w.slice(0, 3).map((one) => product(xx, transposed(one))) as [Matrix, Matrix, Matrix]
                  const context = xx.map((_, row) => {
                    const from = row - (row % positions)
                    return Array.from({ length: heads }, (_, head) => {
                      const cut = (m: Matrix, at: number): number[] => m[at]!.slice(head * size, (head + 1) * size)
                      const query = turn(cut(q, row), row - from)
                      const scores = Array.from({ length: positions }, (_, t) => {
                        const key = turn(cut(k, from + t), t)
                        return Math.exp(key.reduce((s, value, c) => s + value * query[c]!, 0) / Math.sqrt(size))
                      })
                      const total = scores.reduce((a, b) => a + b, 0)
                      return query.map((_, c) =>
                        scores.reduce((s, score, t) => s + (score / total) * cut(v, from + t)[c]!, 0),
                      )
                    }).flat()
                  })
                  return product(context, transposed(w[3]!))
                }
                const elements = width * width
                const [q, k, v, o] = stored.map((one, i) => linear().weight(i * elements, tensor(one)))
                const weights = { q: q!, k: k!, v: v!, o: o! }
                const rope = withRope ? ropeTables(positions, size, theta) : null
                const shape = { batch, positions, heads, rope }
                const { y, saved } = attention().forward(tensor(x), weights, shape)
                near(y, naive(x, stored), 'y', 1e-4)
                const gradients = new Gradients()
                const dx = attention().backward(saved, tensor(dy), weights, shape, gradients)
                near(dx, numeric((at) => naive(at, stored), x, dy), 'dx', 3e-4) // prettier-ignore
                const unused = new Gradients()
                const again = attention().backward({ ...saved, p: null }, tensor(dy), weights, shape, unused)
                unused.dispose()
                near(again, numeric((at) => naive(at, stored), x, dy), 'dx, attention matrix computed again', 3e-4) // prettier-ignore
                const all = stored.flatMap(
                  (one, i) =>
                numeric((at) => naive(x, stored.map((w, j) => (i === j ? at : w))), one, dy).flat(), // prettier-ignore
                )
                near(tf.tensor1d(taken(gradients, 4 * elements)), [all], 'dW', 3e-4)
              })
            },
          ),
          RUNS,
        )
      })
  })
