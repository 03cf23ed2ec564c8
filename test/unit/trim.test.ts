// Sequence trimming: which cells are kept, which slots go together, and that a trimmed replica computes what the whole canvas
// would with the other cells masked, gradients included.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { encode } from '../../shared/arc/tokens.js'
import { gridOf } from '../../shared/arc/grid.js'
import { boxAround, keptCells, keptCount, withMargins } from '../../shared/arc/trim.js'
import { drawOf, slotId } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { planChunks } from '../../worker/train/chunks.js'
import { Run } from '../helpers/replica.js'
import { keptOf, maskedSteps, offBy, smallExample, stepsOf, TRIMMED, WHOLE, WIDER } from '../helpers/trimmed.js'

const eight = [0, 1, 2, 3, 4, 5, 6, 7]

describe('the cells that are kept', () => {
  it('are the box around grids and end marks, and its neighbours', () => {
    const tokens = encode(gridOf([[1, 2, 3]]), 6, 2, 1)
    const box = boxAround(6, tokens, encode(gridOf([[1], [1]]), 6, 2, 1))
    assert.deepEqual(box, { row: 2, col: 1, rows: 3, cols: 4 })
    assert.deepEqual([...keptCells(box, 6, 4)], [13, 14, 15, 16, 19, 20, 21, 22, 25, 26, 27, 28])
    assert.deepEqual([...keptCells(box, 6, 5)], [6, 7, 8, 13, 14, 15, 16, 19, 20, 21, 22, 25, 26, 27, 28])
    assert.deepEqual(boxAround(4, new Uint8Array(16)), { row: 0, col: 0, rows: 1, cols: 1 })
  })

  const boxes = fc.integer({ min: 1, max: 30 }).chain((canvas) =>
    fc.record({ row: fc.nat(canvas - 1), col: fc.nat(canvas - 1) }).chain(({ row, col }) =>
      fc.record({
        canvas: fc.constant(canvas),
        trim: fc.integer({ min: 1, max: 900 }),
        box: fc.record({
          row: fc.constant(row),
          col: fc.constant(col),
          rows: fc.integer({ min: 1, max: canvas - row }),
          cols: fc.integer({ min: 1, max: canvas - col }),
        }),
      }),
    ),
  )
  it('are all of the box, in order, once, and as many as a multiple', () => {
    fc.assert(
      fc.property(boxes, ({ canvas, trim, box }) => {
        const kept = keptCells(box, canvas, trim)
        const count = keptCount(box, canvas, trim)
        assert.equal(kept.length, count)
        assert.ok(count === canvas * canvas || (count % trim === 0 && count - trim < box.rows * box.cols))
        kept.forEach((cell, i) => assert.ok(cell >= 0 && cell < canvas * canvas && (i === 0 || cell > kept[i - 1]!)))
        const all = new Set(kept)
        for (let r = box.row; r < box.row + box.rows; r++)
          for (let c = box.col; c < box.col + box.cols; c++) assert.ok(all.has(r * canvas + c))
      }),
    )
  })
})

describe('random margins', () => {
  it('lie within the canvas, all sizes occur, and without any the box is as it was', () => {
    const box = { row: 2, col: 1, rows: 3, cols: 2 }
    assert.deepEqual(withMargins(box, 8, 0, rngFor(1, 'none')), box)
    const drawn = Array.from({ length: 400 }, (_, i) => withMargins(box, 8, 2, rngFor(1, 'margins', i)))
    for (const { row, col, rows, cols } of drawn) {
      assert.ok(row >= 0 && row <= box.row && row + rows >= 5 && row + rows <= 7)
      assert.ok(col >= 0 && col <= box.col && col + cols >= 3 && col + cols <= 5)
    }
    // 3 x 3 tops and bottoms, 2 x 3 lefts and rights: the canvas ends one column left of the box.
    assert.equal(new Set(drawn.map((one) => JSON.stringify(one))).size, 54)
  })

  it('are drawn anew for every example, and are the same for a slot and a draw on every worker', () => {
    const one = smallExample(slotId(0), 1)
    const lengths = (seedSlot: number): string =>
      Array.from({ length: 20 }, (_, draw) =>
        keptOf(slotId(seedSlot), { ...one, draw: drawOf(draw) }, WIDER).join(),
      ).join('|')
    assert.equal(lengths(0), lengths(0))
    assert.notEqual(lengths(0), lengths(1))
    assert.ok(new Set(lengths(0).split('|')).size > 2)
  })
})

describe('the chunks of a step', () => {
  it('hold every slot once, equal lengths together, none over the end of a group', () => {
    const lengths = fc.array(fc.constantFrom(4, 8, 36), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 }), (of, group, most) => {
        const plan = planChunks(of, group, () => most)
        assert.equal(plan.length, Math.ceil(of.length / group))
        plan.forEach((chunks, g) => {
          const places = chunks.flat()
          assert.deepEqual([...places].sort((a, b) => a - b), [...of.keys()].slice(g * group, (g + 1) * group)) // prettier-ignore
          for (const chunk of chunks) {
            assert.ok(chunk.length <= most)
            assert.equal(new Set(chunk.map((place) => of[place])).size, 1)
          }
        })
      }),
    )
    assert.deepEqual(planChunks([9, 9, 9, 9, 9], 5, () => 2), [[[0, 1], [2, 3], [4]]]) // prettier-ignore
    assert.deepEqual(planChunks([9, 4, 9, 4], 2, () => 8), [[[1], [0]], [[3], [2]]]) // prettier-ignore
    assert.deepEqual(
      planChunks([], 0, () => 8),
      [],
    )
  })
})

describe('a trimmed replica', () => {
  before(async () => {
    await selectBackend('wasm', { root: process.cwd() })
  })
  const trimmed = (slots: readonly number[] = eight): Run => new Run(slots, TRIMMED, {}, undefined, smallExample)

  for (const [what, model] of [
    ['the box', TRIMMED],
    ['the box and random margins', WIDER],
  ] as const)
    it(`keeps ${what} and computes what the whole canvas would with the other cells masked, forward and back, over steps and halts`, async () => {
      const expected = await maskedSteps(4, model)
      await selectBackend('wasm', { root: process.cwd() })
      const lengths = new Set(eight.map((slot) => keptOf(slotId(slot), smallExample(slotId(slot), 1), model).length))
      assert.ok(lengths.size > 2, `${lengths.size} lengths`)
      const actual = stepsOf(model, 4, undefined, model)
      assert.ok(expected.some(({ halted }) => halted.includes(true) && halted.includes(false)))
      expected.forEach((theirs, i) => {
        const ours = actual[i]!
        assert.deepEqual(ours.halted, theirs.halted)
        assert.ok(Math.abs(ours.loss / theirs.loss - 1) < 1e-5, `loss ${ours.loss}, ${theirs.loss}`)
        for (const what of ['grad', 'rowGrads', 'states'] as const) {
          const error = offBy(ours[what], theirs[what])
          assert.ok(error < 1e-4, `step ${i + 1}: ${what} is off by ${error}`)
        }
      })
      // And not what the whole canvas computes without a mask.
      const [unmasked] = stepsOf(WHOLE, 1)
      assert.ok(offBy(unmasked!.grad, expected[0]!.grad) > 1e-2)
    })

  it('gives the same bits again, after a discard, and with carries that went to the host and back', () => {
    const [one, other] = [trimmed(), trimmed()]
    one.train(1, 2)
    other.train(1, 2)
    one.propose(3)
    one.replica.discard()
    const resumed = trimmed()
    for (const name of ['params', 'ema', 'm', 'v'] as const) resumed.arena[name].set(one.arena[name])
    resumed.replica.reload()
    resumed.replica.setSlots(one.replica.carries().map((carry) => ({ slot: carry.slot, carry })))
    const after = [one, other, resumed].map((run) => [run.train(3, 5), run.state()])
    assert.deepEqual(after[1], after[0])
    assert.deepEqual(after[2], after[0])
    for (const run of [one, other, resumed]) run.replica.dispose()
  })

  it('draws the same noise for a slot whoever goes with it, and races chains as well', () => {
    const noisy = { ...TRIMMED, start: 'random', stepNoise: 0.1, chains: 2 } as const
    const of = (slots: readonly number[], options = {}): Run => new Run(slots, noisy, options, undefined, smallExample)
    const [whole, small] = [of(eight), of(eight, { microBatch: 2 })]
    const halves = [of(eight.slice(0, 4)), of(eight.slice(4))]
    for (const step of [1, 2, 3]) {
      const { lossTotal } = whole.propose(step).sums
      assert.ok(Math.abs(small.propose(step).sums.lossTotal - lossTotal) < 1e-4)
      const parts = halves.map((run) => run.propose(step).sums.lossTotal)
      assert.ok(Math.abs(parts[0]! + parts[1]! - lossTotal) < 1e-4, `step ${step}`)
      for (const run of [whole, small, ...halves]) run.commit(step, whole.arena.grad)
    }
    for (const run of [whole, small, ...halves]) run.replica.dispose()
  })

  it('hands over the states of a slot in the middle of an example, zero where nothing is kept', () => {
    const [from, to] = [trimmed(), trimmed([0])]
    from.train(1, 2)
    to.train(1, 2)
    const carry = from.replica.carries().find(({ halted }) => !halted)!
    to.arena.params.set(from.arena.params)
    to.replica.reload()
    to.replica.setSlots([{ slot: carry.slot, carry }])
    from.replica.setSlots([{ slot: carry.slot, carry: 'keep' }])
    assert.deepEqual(to.replica.carries(), from.replica.carries())
    const { hidden, puzzleEmbLen } = TRIMMED
    const kept = new Set(keptOf(carry.slot, carry.example!))
    for (let cell = 0; cell < TRIMMED.seqLen; cell++) {
      const at = (puzzleEmbLen + cell) * hidden
      assert.equal(
        carry.zH.subarray(at, at + hidden).some((value) => value !== 0),
        kept.has(cell),
      )
    }
    for (const run of [from, to]) run.replica.dispose()
  })

  it('leaves no tensor behind', () => {
    const empty = tf.memory().numTensors
    const run = trimmed()
    const alive = tf.memory().numTensors
    run.train(1, 6)
    run.propose(7)
    run.replica.setSlots([])
    assert.equal(tf.memory().numTensors, alive)
    run.replica.dispose()
    assert.equal(tf.memory().numTensors, empty)
  })

  it('is the untrimmed one, bit for bit, where everything is kept', () => {
    const all = { ...TRIMMED, trim: WHOLE.seqLen }
    const [whole, kept] = [stepsOf(WHOLE, 3), stepsOf(all, 3)]
    assert.deepEqual(kept, whole)
  })
})
