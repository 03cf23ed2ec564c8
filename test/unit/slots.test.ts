// The slots' book: what each slot draws does not depend on who owns it, who died, or when.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { shareOut, SlotBook, type Take } from '../../coordinator/slots.js'
import { stepOf, workerId, type WorkerId } from '../../shared/ids.js'

const SLOTS = 7
const team = (count: number, from = 0): WorkerId[] => Array.from({ length: count }, (_, i) => workerId(`w${from + i}`))

/** Whether a slot halts after having worked on an example for so many steps: a function of both, as in the real thing. */
const halts = (slot: number, draw: number, steps: number): boolean => steps >= 1 + ((slot * 7 + draw * 3) % 4)

/** Does a step of everyone and books it. @returns what was begun */
function commit(book: SlotBook, members: readonly WorkerId[], step: number): Take[] {
  const begun: Take[] = []
  for (const worker of members) {
    begun.push(...book.takes(worker, stepOf(step)))
    const working = book.working(worker, stepOf(step))
    const steps = working.map(({ slot }) => (book.all()[slot]!.halted ? 1 : book.all()[slot]!.steps + 1))
    const halted = working.map(({ slot, draw }, i) => Number(halts(slot, draw, steps[i]!)))
    book.settle(worker, stepOf(step), Uint8Array.from(halted), Uint8Array.from(steps))
  }
  return begun
}

function deal(book: SlotBook, members: readonly WorkerId[]) {
  const shares = book.deal(members, 'copy')
  for (const worker of members) book.held(worker)
  return shares
}

test('shares are contiguous, nearly equal, in the order of the team, and leave out no slot', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }), (slots, count) => {
      const shares = [...shareOut(slots, team(count)).values()]
      assert.deepEqual(
        shares.flat(),
        Array.from({ length: slots }, (_, i) => i),
      )
      const sizes = shares.map(({ length }) => length)
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
    }),
  )
})

describe('draws', () => {
  test('whatever the team does, every slot draws 0, 1, 2, ..., each begun once but for lost carries', () => {
    const changes = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.constantFrom('keep', 'die', 'discard')), {
      minLength: 30,
      maxLength: 60,
    })
    fc.assert(
      fc.property(changes, (events) => {
        const book = new SlotBook(SLOTS, 'slots')
        const seen: number[][] = Array.from({ length: SLOTS }, () => [])
        let members = team(1)
        deal(book, members)
        events.forEach(([count, what], i) => {
          if (what === 'die') {
            book.dropped(members[0]!)
            members = team(count, i % 2)
            deal(book, members)
          }
          // Asked for, and never committed: no trace may stay.
          if (what === 'discard') for (const worker of members) book.takes(worker, stepOf(i + 1))
          for (const { slot, draw } of commit(book, members, i + 1)) seen[slot]!.push(draw)
        })
        seen.forEach((draws, slot) => {
          assert.deepEqual(
            [...new Set(draws)],
            Array.from({ length: new Set(draws).size }, (_, k) => k),
          )
          draws.forEach((draw, k) => assert.ok(k === 0 || draw === draws[k - 1]! + 1 || draw === draws[k - 1]))
          assert.equal(book.all()[slot]!.next, new Set(draws).size)
        })
      }),
    )
  })

  test('a carry that stays with its owner is kept, one that died with its owner begins its example again', () => {
    const book = new SlotBook(4, 'slots')
    const [a, b, c] = team(3) as [WorkerId, WorkerId, WorkerId]
    deal(book, [a, b])
    for (const worker of [a, b]) book.settle(worker, stepOf(1), Uint8Array.of(0, 0), Uint8Array.of(1, 1))
    assert.deepEqual(book.takes(a, stepOf(2)), [])
    book.dropped(b)
    const shares = deal(book, [a, c])
    assert.deepEqual(shares.get(a)?.carry, ['keep', 'keep'])
    assert.deepEqual(shares.get(c)?.carry, ['reset', 'reset'])
    assert.deepEqual(book.takes(c, stepOf(2)), [
      { slot: 2, draw: 0 },
      { slot: 3, draw: 0 },
    ])
    book.settle(c, stepOf(2), Uint8Array.of(1, 1), Uint8Array.of(1, 1))
    assert.equal(book.all()[2]?.next, 1, 'the same example was no new draw')
  })

  test('an owner that never got its slots in place cannot keep them', () => {
    const book = new SlotBook(2, 'slots')
    const [a, b] = team(2) as [WorkerId, WorkerId]
    deal(book, [a])
    book.settle(a, stepOf(1), Uint8Array.of(0, 0), Uint8Array.of(1, 1))
    book.deal([a, b], 'copy') // b is given slot 1, and never says that it has it
    book.dropped(a)
    assert.deepEqual(book.deal([b], 'copy').get(b)?.carry, ['reset', 'reset'])
  })

  test('a carry that moves is pulled from a copy of its holder until the new owner has it', () => {
    const book = new SlotBook(4, 'slots')
    const [a, b, c] = team(3) as [WorkerId, WorkerId, WorkerId]
    deal(book, [a])
    book.settle(a, stepOf(1), Uint8Array.of(0, 0, 0, 1), Uint8Array.of(1, 1, 1, 1))
    const taken = { slots: [2, 3], carry: ['pull', 'reset'], holders: [a, ''], copies: ['first', ''] }
    assert.deepEqual(book.deal([a, b], 'first').get(b), taken)
    assert.deepEqual(book.all()[2]?.steps, 1, 'it goes on with its example')
    book.held(a)
    // b dies before it has it. a has let it go, so even a pulls it from its own copy.
    book.dropped(b)
    const back = book.deal([a], 'second').get(a)
    assert.deepEqual(back?.carry, ['keep', 'keep', 'pull', 'reset'])
    assert.deepEqual([back.holders[2], back.copies[2]], [a, 'first'])
    assert.deepEqual(book.deal([c, a], 'third').get(c)?.copies, ['third', 'third'])
    for (const worker of [a, c]) book.held(worker)
    book.dropped(a)
    assert.deepEqual(book.deal([c], 'fourth').get(c)?.carry, ['keep', 'keep', 'reset', 'reset'])
    assert.deepEqual(
      book.all().map(({ restart }) => restart),
      [false, false, true, false],
    )
  })

  test('resumed: carries in the middle of an example are pulled from the checkpoint, and a lost one is drawn again', () => {
    const before = new SlotBook(3, 'slots')
    const [a, b] = team(2) as [WorkerId, WorkerId]
    deal(before, [a, b])
    before.settle(a, stepOf(1), Uint8Array.of(0, 1), Uint8Array.of(1, 1))
    before.settle(b, stepOf(1), Uint8Array.of(0), Uint8Array.of(1))
    before.dropped(b)
    deal(before, [a])
    const resumed = new SlotBook(3, 'slots', before.saved())
    assert.deepEqual(resumed.deal([a], 'copy').get(a)?.carry, ['pull', 'reset', 'reset'])
    resumed.held(a)
    assert.deepEqual(resumed.takes(a, stepOf(2)), before.takes(a, stepOf(2)))
    for (const book of [before, resumed]) book.settle(a, stepOf(2), Uint8Array.of(1, 1, 1), Uint8Array.of(2, 1, 1))
    assert.deepEqual(resumed.all(), before.all())
  })

  test('the official order depends on the step alone', () => {
    const book = new SlotBook(2, 'official')
    const [a] = team(1) as [WorkerId]
    deal(book, [a])
    assert.deepEqual(book.takes(a, stepOf(5)), [
      { slot: 0, draw: 5 },
      { slot: 1, draw: 5 },
    ])
  })
})
