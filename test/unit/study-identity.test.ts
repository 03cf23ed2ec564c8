// Without the puzzle ID: a network that answers everything rightly, whatever identifier it is given, must score 100 % if its
// answers are filed rightly, and scores zero as the published script files them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IDENTITIES, identityFindings, identityInquiry, otherIdentifier } from '../../coordinator/study/identity.js'
import { madeUpRows, sourceOf } from '../helpers/study.js'

/** Asks all rows of a network given as a function of the row as asked. */
function ask(
  answer: (asked: { labels: Uint8Array; puzzle: number; identity?: 'mean' }) => Uint8Array,
): ReturnType<ReturnType<typeof identityInquiry>['found']> {
  const inquiry = identityInquiry(7)
  const set = inquiry.ask(sourceOf(madeUpRows()))
  const scorer = set.scorer()
  for (let row = 0; row < set.rows; row++) scorer.add(row, answer(set.row(row)), 1)
  scorer.finish()
  return inquiry.found()
}

test('a perfect network: 100 % rightly filed, 0 % as published, by construction', () => {
  const { of } = ask(({ labels }) => labels)
  for (const identity of IDENTITIES) {
    assert.equal(of[identity].honest.pass1?.value, 1, identity)
    assert.equal(of[identity].honest.rows?.value, 1, identity)
    assert.equal(of[identity].same?.value, 1, identity)
  }
  assert.equal(of.right.published?.value, 1, 'with the right identifier both ways are one')
  assert.equal(of.blank.published?.value, 0, 'every row is dropped')
  assert.ok(of.random.published!.value < 0.2, 'filed under another puzzle, whose question it does not answer')
  assert.equal(of.mean.published, null)
})

test('a network that needs its identifier: zero in both, and the answers differ', () => {
  const rows = madeUpRows()
  const own = new Set(Array.from({ length: rows.rows }, (_, row) => rows.row(row).puzzle))
  assert.ok(!own.has(0))
  const seen = { blank: 0, mean: 0 }
  const { of } = ask(({ labels, puzzle, identity }) => {
    if (identity === 'mean') seen.mean++
    else if (puzzle === 0) seen.blank++
    return identity === 'mean' || puzzle === 0 ? new Uint8Array(labels.length) : labels
  })
  assert.deepEqual(seen, { blank: rows.rows, mean: rows.rows })
  assert.equal(of.blank.honest.pass2?.value, 0)
  assert.equal(of.mean.honest.pass1?.value, 0)
  assert.equal(of.blank.same?.value, 0)
  assert.equal(of.random.same?.value, 1)
})

test('a random identifier is another one, any of them, and the same again', () => {
  const drawn = Array.from({ length: 400 }, (_, row) => otherIdentifier(3, 6, 1, row))
  assert.deepEqual([...new Set(drawn)].sort(), [1, 2, 4, 5])
  assert.deepEqual(drawn, Array.from({ length: 400 }, (_, row) => otherIdentifier(3, 6, 1, row))) // prettier-ignore
  assert.equal(otherIdentifier(1, 2, 1, 0), 1, 'a single puzzle has no other')
})

test('the findings keep what was reported beside what was measured, with the reason for the zero', () => {
  const { tables } = identityFindings(ask(({ labels }) => labels))
  const blank = tables[0]!.rows[1]!
  assert.deepEqual(
    blank.reported.map(({ figure, grade }) => `${figure} ${grade}`),
    ['0.00 % pass@1 S', '3.5 % pass@1 S'],
  )
  assert.match(blank.reported[0]!.mind, /by construction/)
})
