// The kernels for GPUs, played on the host: a network pass against the reference on another backend, over many shapes, in both
// kinds of numbers; the same bits again, in whatever order threads run; NaN is not lost. No GPU is needed, and none is tested.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { selectBackend, type BackendOptions } from '../../worker/backends/choose.js'
import { cudaUnderTest, noCompiler } from '../helpers/cuda.js'
import { inputsOf, titleOf, type Outputs, type Problem } from '../helpers/native.js'
import { compute, mustAgree } from '../helpers/network-pass.js'

const root = process.cwd()

const base = { layers: 2, rope: true, inner: 256, mixerInner: 256 } as const
const PROBLEMS: readonly Problem[] = [
  { ...base, batch: 1, positions: 17, hidden: 64, heads: 4, mixer: 'attention' },
  { ...base, batch: 2, positions: 69, hidden: 64, heads: 2, mixer: 'attention', rope: false, inner: 64 },
  { ...base, batch: 1, positions: 130, hidden: 64, heads: 1, mixer: 'attention', layers: 1, inner: 64 },
  { ...base, batch: 2, positions: 13, hidden: 128, heads: 1, mixer: 'attention', layers: 1, inner: 64 },
  { ...base, batch: 5, positions: 1, hidden: 32, heads: 4, mixer: 'attention', inner: 64 },
  { ...base, batch: 2, positions: 33, hidden: 40, heads: 5, mixer: 'attention', inner: 96 },
  { ...base, batch: 1, positions: 9, hidden: 24, heads: 4, mixer: 'attention', inner: 64 },
  { ...base, batch: 3, positions: 21, hidden: 64, heads: 2, mixer: 'attention', rope: 'own', inner: 64 },
  // Heads that fill no size of the kernels, over more than one block of queries, at positions of their own.
  { ...base, batch: 2, positions: 67, hidden: 24, heads: 1, mixer: 'attention', rope: 'own', inner: 16, layers: 1 },
  { ...base, batch: 1, positions: 17, hidden: 64, heads: 1, mixer: 'mlp', rope: false },
  { ...base, batch: 3, positions: 97, hidden: 40, heads: 1, mixer: 'mlp', rope: false, inner: 64, layers: 1 },
  { ...base, batch: 7, positions: 6, hidden: 32, heads: 1, mixer: 'mlp', rope: false, inner: 128, layers: 3 },
  { ...base, batch: 2, positions: 24, hidden: 72, heads: 1, mixer: 'mlp', rope: false, inner: 64, mixerInner: 64 },
]
/** With a norm inside SwiGLU: rows and columns of more than one block, widths that fill none. */
const NORMED: readonly Problem[] = [
  { ...base, batch: 2, positions: 19, hidden: 64, heads: 2, mixer: 'attention', inner: 264, layers: 1, normed: true },
  { ...base, batch: 1, positions: 3, hidden: 32, heads: 4, mixer: 'attention', inner: 64, layers: 2, normed: true },
  { ...base, batch: 3, positions: 13, hidden: 40, heads: 1, mixer: 'mlp', rope: false, inner: 64, mixerInner: 72, normed: true }, // prettier-ignore
]
/** Rows of more than one, two and four pieces a lane. */
const WIDE: readonly Problem[] = [264, 520, 1032].map((hidden) => ({ ...base, batch: 1, positions: 3, hidden, heads: hidden / 8, mixer: 'attention', layers: 1, inner: 8 })) // prettier-ignore

describe('the network pass of the CUDA kernels, played on the host', { skip: noCompiler }, () => {
  const expected = new Map<Problem, Outputs>()
  let where: Pick<BackendOptions, 'gpu' | 'cuda'>
  const on = (precision: 'f32' | 'bf16'): Promise<unknown> => selectBackend('native', { root, precision, ...where })

  before(async () => {
    where = await cudaUnderTest(root)
    await selectBackend('wasm', { root })
    for (const problem of [...PROBLEMS, ...NORMED, ...WIDE]) expected.set(problem, compute(problem, inputsOf(problem)))
  })

  for (const precision of ['f32', 'bf16'] as const)
    it(`agrees with the reference in ${precision}`, async () => {
      await on(precision)
      const allowed = precision === 'f32' ? { forward: 3e-6, backward: 2e-5 } : { forward: 0.02, backward: 0.05 }
      for (const [problem, theirs] of expected) {
        const ours = compute(problem, inputsOf(problem))
        mustAgree(ours, theirs, allowed, titleOf(problem))
      }
    })

  it('gives the same bits again, and with the threads of a block in the opposite order', async () => {
    for (const precision of ['f32', 'bf16'] as const) {
      await on(precision)
      for (const problem of [PROBLEMS[1], PROBLEMS[5], PROBLEMS[8], PROBLEMS[10], NORMED[0], NORMED[2]] as Problem[]) {
        const first = compute(problem, inputsOf(problem))
        assert.deepEqual(compute(problem, inputsOf(problem)), first, titleOf(problem))
        process.env['TRMESH_EMULATION'] = 'backwards'
        try {
          assert.deepEqual(
            compute(problem, inputsOf(problem)),
            first,
            `${titleOf(problem)}: threads depend on their order`,
          )
        } finally {
          delete process.env['TRMESH_EMULATION']
        }
      }
    }
  })

  it('lets NaN and infinity through to the results', async () => {
    const lost = (values: Float32Array): boolean => values.every((value) => Number.isFinite(value))
    for (const precision of ['f32', 'bf16'] as const) {
      await on(precision)
      for (const problem of [PROBLEMS[0], PROBLEMS[9]] as Problem[])
        for (const bad of [NaN, Infinity]) {
          const where = `${titleOf(problem)}, ${precision}, ${bad}`
          const atInput = inputsOf(problem)
          atInput.h[5] = bad
          assert.ok(!lost(compute(problem, atInput).y), `input, ${where}`)
          const atGradient = inputsOf(problem)
          atGradient.dy[9] = bad
          const { dh, gradients } = compute(problem, atGradient)
          assert.ok(!lost(dh) && !lost(gradients), `gradient, ${where}`)
        }
    }
  })

  it('refuses a network that it has no kernels for, in words', async () => {
    await on('f32')
    const odd: Problem = { ...base, batch: 1, positions: 5, hidden: 36, heads: 3, mixer: 'attention' }
    assert.throws(() => compute(odd, inputsOf(odd)), /cannot compute this network: its widths .*36.* multiples of 8/)
    const wideHeads: Problem = { ...base, batch: 1, positions: 5, hidden: 136, heads: 1, mixer: 'attention' }
    assert.throws(() => compute(wideHeads, inputsOf(wideHeads)), /heads have 136 channels, at most 128/)
  })
})
