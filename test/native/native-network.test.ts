// The native engine's network pass against the reference composed of plain ops on another backend: many shapes, every
// instruction set that this machine can run, both kinds of numbers; the same bits for any number of threads; NaN is not lost.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import { layoutOf, positionsOf } from '../../shared/gradients/layout.js'
import { drawOf, slotId, stepOf } from '../../shared/ids.js'
import { swigluWidth } from '../../shared/sub-layers.js'
import { selectBackend } from '../../worker/backends/choose.js'
import type { Isa } from '../../worker/backends/native/isa.js'
import { linear } from '../../worker/ops/linear.js'
import { network } from '../../worker/ops/network.js'
import { Replica } from '../../worker/train/replica.js'
import { inputsOf, setsBuilt, setUp, titleOf, type Outputs, type Problem } from '../helpers/native.js'
import { compute, mustAgree } from '../helpers/network-pass.js'

const root = process.cwd()
const sets = setsBuilt(root)
const skip = sets.length > 0 ? false : 'the native engine is not built here: npm run native'

const base = { layers: 2, rope: true, inner: 256, mixerInner: 256 } as const
const PROBLEMS: readonly Problem[] = [
  { ...base, batch: 1, positions: 17, hidden: 64, heads: 4, mixer: 'attention' },
  { ...base, batch: 3, positions: 52, hidden: 64, heads: 2, mixer: 'attention', rope: false },
  { ...base, batch: 2, positions: 97, hidden: 128, heads: 2, mixer: 'attention', layers: 1 },
  { ...base, batch: 5, positions: 1, hidden: 32, heads: 4, mixer: 'attention', inner: 64 },
  { ...base, batch: 2, positions: 33, hidden: 40, heads: 5, mixer: 'attention', inner: 96 },
  { ...base, batch: 3, positions: 21, hidden: 64, heads: 2, mixer: 'attention', rope: 'own' },
  { ...base, batch: 1, positions: 17, hidden: 64, heads: 1, mixer: 'mlp', rope: false },
  { ...base, batch: 4, positions: 97, hidden: 96, heads: 1, mixer: 'mlp', rope: false },
  { ...base, batch: 7, positions: 6, hidden: 32, heads: 1, mixer: 'mlp', rope: false, inner: 128, layers: 3 },
  { ...base, batch: 2, positions: 24, hidden: 72, heads: 1, mixer: 'mlp', rope: false, inner: 64, mixerInner: 64 },
  { ...base, batch: 3, positions: 37, hidden: 64, heads: 2, mixer: 'attention', normed: true },
  { ...base, batch: 1, positions: 101, hidden: 40, heads: 5, mixer: 'attention', inner: 96, normed: true },
  { ...base, batch: 5, positions: 1, hidden: 32, heads: 4, mixer: 'attention', inner: 64, layers: 3, normed: true },
  { ...base, batch: 3, positions: 97, hidden: 96, heads: 1, mixer: 'mlp', rope: false, normed: true },
  {
    ...base,
    batch: 2,
    positions: 23,
    hidden: 72,
    heads: 1,
    mixer: 'mlp',
    rope: false,
    inner: 64,
    mixerInner: 64,
    normed: true,
  },
]

const on = (isa: Isa, precision: 'f32' | 'bf16', threads = 2): Promise<unknown> =>
  selectBackend('native', { root, isa: isa.name, precision, threads })

describe('the native network pass', { skip }, () => {
  const expected = new Map<Problem, Outputs>()

  for (const isa of sets)
    for (const precision of ['f32', 'bf16'] as const)
      it(`agrees with the reference: ${isa.name}, ${precision}`, async () => {
        if (expected.size === 0) {
          await selectBackend('wasm', { root })
          for (const problem of PROBLEMS) expected.set(problem, compute(problem, inputsOf(problem)))
        }
        await on(isa, precision)
        for (const problem of PROBLEMS) {
          const ours = compute(problem, inputsOf(problem))
          const theirs = expected.get(problem) as Outputs
          // bf16 keeps 8 bits; rounding adds up over some ten roundings of a pass.
          const allowed = precision === 'f32' ? { forward: 3e-6, backward: 2e-5 } : { forward: 0.02, backward: 0.05 }
          mustAgree(ours, theirs, allowed, titleOf(problem))
        }
      })

  it('gives the same bits again, and for 1, 2 and 3 threads', async () => {
    for (const isa of sets.slice(0, 2))
      for (const precision of ['f32', 'bf16'] as const)
        for (const problem of PROBLEMS) {
          const all: Outputs[] = []
          for (const threads of [1, 2, 2, 3]) {
            await on(isa, precision, threads)
            all.push(compute(problem, inputsOf(problem)))
          }
          for (const other of all.slice(1)) assert.deepEqual(other, all[0], `${titleOf(problem)} on ${isa.name}`)
        }
  })

  it('lets NaN and infinity through to the results', async () => {
    for (const isa of sets)
      for (const precision of ['f32', 'bf16'] as const) {
        await on(isa, precision)
        for (const problem of [PROBLEMS[0], PROBLEMS[5], PROBLEMS[10], PROBLEMS[13]] as Problem[])
          for (const bad of [NaN, Infinity, -Infinity]) {
            const where = `${titleOf(problem)}, ${isa.name}, ${precision}, ${bad}`
            const atInput = inputsOf(problem)
            atInput.h[5] = bad
            assert.ok(
              compute(problem, atInput).y.some((v) => !Number.isFinite(v)),
              `input, ${where}`,
            )
            const atWeight = inputsOf(problem)
            const piece = atWeight.weights[1]?.[0]
            assert.ok(piece)
            piece.values[3] = bad
            assert.ok(
              compute(problem, atWeight).y.some((v) => !Number.isFinite(v)),
              `weight, ${where}`,
            )
            const atGradient = inputsOf(problem)
            atGradient.dy[9] = bad
            const { dh, gradients } = compute(problem, atGradient)
            assert.ok(
              dh.some((v) => !Number.isFinite(v)),
              `dh, ${where}`,
            )
            assert.ok(
              gradients.some((v) => !Number.isFinite(v)),
              `gradients, ${where}`,
            )
          }
      }
  })

  it('keeps at most 60 MB of an ARC sample and 15 MB of a Sudoku one for backward, when it computes passes again', async () => {
    for (const [preset, limit] of [
      ['arc1', 60e6],
      ['sudoku-mlp', 15e6],
    ] as const) {
      await on(sets[0] as Isa, 'bf16')
      const { model } = compileConfig({ preset, env: {}, flags: {} })
      const problem: Problem = {
        batch: 1,
        positions: positionsOf(model),
        hidden: model.hidden,
        heads: model.heads,
        mixer: model.mixer,
        rope: model.positions === 'rope' && model.mixer === 'attention',
        inner: swigluWidth(model.hidden, model.expansion),
        mixerInner: swigluWidth(positionsOf(model), model.expansion),
        layers: model.layers,
      }
      const { h, stack, shape } = setUp(problem, inputsOf(problem), (offset, w) => linear().weight(offset, w))
      const { saved } = network().forwardSaving(h, h, stack, shape)
      assert.ok('block' in saved)
      // One pass at a time keeps its block; every graded pass keeps the state it started from, and all of them the question.
      const bytes = 4 * (saved.block.size + (model.lCycles + 3) * h.size)
      assert.ok(bytes <= limit, `${preset}: ${(bytes / 1e6).toFixed(1)} MB`)
    }
  })

  it('gives the same gradients whether it keeps its passes or computes them again', async () => {
    await on(sets[0] as Isa, 'bf16')
    for (const swiglu of ['plain', 'normed'] as const) {
      const { model, train } = compileConfig({ preset: 'tiny', env: {}, flags: { 'model.swiglu': swiglu } })
      const layout = layoutOf(model)
      const gradients = [false, true].map((recompute) => {
        const zeros = (): Float32Array => new Float32Array(layout.elements)
        const params = initialParams(layout, 1)
        const arena = { params, ema: params.slice(), m: zeros(), v: zeros(), grad: zeros(), mean: zeros() }
        const replica = new Replica({ model, train, seed: 0 }, layout, arena, initialStates(model, 1), { recompute })
        replica.setSlots([{ slot: slotId(0), carry: 'reset' }])
        const inputs = Uint8Array.from({ length: model.seqLen }, (_, i) => 1 + (i % (model.vocab - 1)))
        const example = { draw: drawOf(0), puzzle: 0, inputs, labels: inputs.toReversed() }
        replica.step(stepOf(1), new Float32Array(model.puzzleEmbDim).fill(0.1), new Map([[slotId(0), example]]))
        replica.dispose()
        return arena.grad
      })
      assert.ok(gradients[0]?.some((value) => value !== 0))
      assert.deepEqual(gradients[1], gradients[0])
    }
  })

  it('refuses arrays that do not fit its network', async () => {
    const [problem] = PROBLEMS as [Problem]
    await on(sets[0] as Isa, 'f32')
    const { h, stack, shape } = setUp(problem, inputsOf(problem), (offset, w) => linear().weight(offset, w))
    assert.throws(() => network().forward(h, h, stack, { ...shape, batch: 2 }), /needs \d+/)
  })
})
