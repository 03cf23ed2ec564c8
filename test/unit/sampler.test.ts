// The two samplers: even and pure (`slots`), and the published loader's order (`official`, spec 4.5).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countBatches, OfficialOrder } from '../../coordinator/data/official-order.js'
import { slotChoice, type Lot } from '../../coordinator/data/sampler.js'
import { permuted } from '../../shared/rng/draws.js'
import { rngFor } from '../../shared/rng/counter.js'

const LOTS: Lot[] = Array.from({ length: 23 }, (_, i) => ({ from: i * 10, to: i * 10 + 1 + (i % 10), examples: 1 + (i % 4) })) // prettier-ignore

const key = (epoch: number): number[] => {
  const rng = rngFor(5, 'lots', epoch)
  return [rng.u32(), rng.u32(), rng.u32(), rng.u32()]
}

test('permuted is a permutation of any size, another one for another key', () => {
  for (const size of [1, 2, 3, 16, 23, 960]) {
    const all = (epoch: number): number[] => Array.from({ length: size }, (_, i) => permuted(i, size, key(epoch)))
    assert.equal(new Set(all(0)).size, size)
    assert.ok(all(0).every((place) => place >= 0 && place < size))
    if (size > 3) assert.notDeepEqual(all(0), all(1))
  }
})

test('slots: every group equally often over all slots, pure in (seed, slot, draw)', () => {
  const slots = 7
  const seen = new Map<number, number>()
  for (let draw = 0; draw < LOTS.length; draw++)
    for (let slot = 0; slot < slots; slot++) {
      const choice = slotChoice(LOTS, 3, slots, slot, draw)
      assert.deepEqual(slotChoice(LOTS, 3, slots, slot, draw), choice)
      const lot = LOTS[choice.lot] as Lot
      assert.ok(choice.puzzle >= lot.from && choice.puzzle < lot.to && choice.example < lot.examples)
      seen.set(choice.lot, (seen.get(choice.lot) ?? 0) + 1)
    }
  assert.equal(seen.size, LOTS.length)
  for (const count of seen.values()) assert.equal(count, slots)
  assert.notDeepEqual(
    Array.from({ length: 20 }, (_, d) => slotChoice(LOTS, 3, slots, 0, d)),
    Array.from({ length: 20 }, (_, d) => slotChoice(LOTS, 4, slots, 0, d)),
  )
})

test('slots: puzzles, examples and places within a group are uniform', () => {
  const lots: Lot[] = [{ from: 0, to: 5, examples: 4 }]
  const puzzles = new Array<number>(5).fill(0)
  const examples = new Array<number>(4).fill(0)
  let corners = 0
  const draws = 8000
  for (let draw = 0; draw < draws; draw++) {
    const choice = slotChoice(lots, 1, 4, draw & 3, draw >> 2)
    puzzles[choice.puzzle] = (puzzles[choice.puzzle] ?? 0) + 1
    examples[choice.example] = (examples[choice.example] ?? 0) + 1
    if (choice.place === 'corner') corners++
  }
  const near = (count: number, share: number): void => assert.ok(Math.abs(count / draws - share) < 0.03, `${count}`)
  for (const count of puzzles) near(count, 0.2)
  for (const count of examples) near(count, 0.25)
  near(corners, 0.25)
})

test('official: batches of four chunks are those of a NumPy simulation', () => {
  const config = { batch: 16, seed: 9, epochsPerChunk: 6, choiceSeed: 77 }
  assert.deepEqual(
    [1, 2, 3, 4].map((chunk) => countBatches(LOTS, config, chunk)),
    [19, 20, 19, 20],
  )
  const order = new OfficialOrder(LOTS, config)
  let sum = 0
  for (let step = 1; step <= 78; step++) {
    const { puzzle, example } = order.batch(step)
    puzzle.forEach((p, i) => (sum = (sum * 31 + p * 7 + (example[i] as number)) % 2147483647))
  }
  assert.equal(sum, 321062919)
  // Resumed in the middle of the third chunk, and rewound to before it.
  const resumed = new OfficialOrder(LOTS, config)
  assert.deepEqual(
    [...resumed.batch(42).puzzle],
    [0, 64, 64, 64, 40, 70, 70, 70, 70, 154, 154, 154, 154, 110, 110, 110],
  )
  assert.deepEqual(
    [...resumed.batch(2).puzzle],
    [164, 121, 83, 63, 63, 63, 91, 91, 222, 222, 222, 152, 152, 152, 152, 142],
  )
})
