// The exact sum: whoever owns which groups, and in whatever order their parts arrive, the bits are the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shareOut } from '../../coordinator/slots.js'
import { WireError } from '../../shared/errors.js'
import { encodeWire, roundToWire } from '../../shared/gradients/bf16.js'
import { GroupTree, groupsOf, treeTeamOf, type TreeTeam } from '../../shared/gradients/group-tree.js'
import { ShareSums, TreeSum } from '../../shared/gradients/tree-sum.js'
import { workerId, type WorkerId } from '../../shared/ids.js'

const LENGTH = 5
const bits = (values: Float32Array): number[] => [...new Uint32Array(values.slice().buffer)]
const teamOf = (count: number): WorkerId[] => Array.from({ length: count }, (_, i) => workerId(`w${i}`))
type Wire = 'f32' | 'bf16'

/** Halves recursively: the definition, written without any numbering of nodes. */
function plainSum(leaves: readonly Float32Array[], from: number, to: number, wire: Wire): Float32Array {
  if (to - from === 1) {
    const leaf = leaves[from]!.slice()
    roundToWire(leaf, wire)
    return leaf
  }
  const half = 2 ** (Math.ceil(Math.log2(to - from)) - 1)
  const left = plainSum(leaves, from, from + half, wire)
  const right = plainSum(leaves, from + half, to, wire)
  const sum = left.map((value, i) => Math.fround(value + right[i]!))
  roundToWire(sum, wire)
  return sum
}

/** What each member would send. */
function partsOf(leaves: readonly Float32Array[], { tree, nodes }: TreeTeam, ends: readonly number[], wire: Wire) {
  return [...nodes].flatMap(([source, expected], i) => {
    const sums = new ShareSums(tree, wire, () => new Float32Array(LENGTH).fill(NaN))
    sums.begin()
    for (let group = ends[i - 1] ?? 0; group < ends[i]!; group++) sums.add(group, (leaf) => leaf.set(leaves[group]!))
    assert.deepEqual(
      sums.nodes.map(({ node }) => node),
      expected,
      'the owner expects what the member sends',
    )
    return sums.nodes.map(({ node, values }) => {
      const bytes = new Uint8Array(LENGTH * (wire === 'bf16' ? 2 : 4))
      encodeWire(values, wire, bytes)
      return { source, node, bytes }
    })
  })
}

const number = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) })
const leafOf = fc.array(number, { minLength: LENGTH, maxLength: LENGTH }).map((values) => Float32Array.from(values))

const cases = fc.array(leafOf, { minLength: 1, maxLength: 21 }).chain((leaves) =>
  fc.record({
    leaves: fc.constant(leaves),
    group: fc.integer({ min: 1, max: 4 }),
    last: fc.integer({ min: 1, max: 4 }),
    workers: fc.integer({ min: 1, max: Math.min(6, leaves.length) }),
    wire: fc.constantFrom<Wire>('f32', 'bf16'),
    seed: fc.integer(),
  }),
)

test('any number of workers and any order of arrival give the bits of the plain sum by halves', () => {
  fc.assert(
    fc.property(cases, ({ leaves, group, last, workers, wire, seed }) => {
      // The last group may be smaller.
      const slots = (leaves.length - 1) * group + Math.min(last, group)
      const team = teamOf(workers)
      const shares = [...shareOut(slots, team, group).values()].map(({ length }) => length)
      const plan = treeTeamOf({ mode: 'exact', group }, team, shares)!
      assert.equal(plan.tree.groups, leaves.length)
      let end = 0
      const ends = shares.map((share) => Math.ceil((end += share) / group))
      const parts = partsOf(leaves, plan, ends, wire)
      const into = new Float32Array(LENGTH)
      const sum = new TreeSum(into, wire)
      for (const turn of [1, 2]) {
        sum.begin(plan)
        assert.equal(sum.missing().length, parts.length)
        // Some order or other, another one the second time.
        const order = parts
          .map((part, i) => ({ part, key: Math.imul(seed ^ (i * 7919), 2654435761 * turn) }))
          .sort((a, b) => a.key - b.key)
        for (const { part } of order) {
          assert.equal(sum.done, false)
          assert.ok(['added', 'waiting'].includes(sum.offer(part.source, part.node, part.bytes)))
          assert.equal(sum.offer(part.source, part.node, part.bytes), 'duplicate')
        }
        assert.ok(sum.done)
        assert.deepEqual(sum.missing(), [])
        assert.deepEqual(bits(into), bits(plainSum(leaves, 0, leaves.length, wire)))
      }
    }),
  )
})

test('a stranger, a node of another and a part of the wrong size change nothing', () => {
  const [a, b] = teamOf(2) as [WorkerId, WorkerId]
  const sum = new TreeSum(new Float32Array(1), 'f32')
  sum.begin(treeTeamOf({ mode: 'exact', group: 1 }, [a, b], [1, 1])!)
  const one = new Uint8Array(new Float32Array([1]).buffer)
  assert.equal(sum.offer(workerId('x'), 2, one), 'unknown')
  assert.equal(sum.offer(a, 3, one), 'unknown')
  assert.throws(() => sum.offer(a, 2, one.subarray(1)), WireError)
  assert.deepEqual(sum.missing(), [
    { source: a, node: 2 },
    { source: b, node: 3 },
  ])
})

test('shares keep groups whole, every worker has one, and equal shares are few subtrees', () => {
  for (const [slots, group] of [
    [768, 4],
    [768, 1],
    [30, 4],
    [8, 2],
  ] as const) {
    const groups = groupsOf(slots, { group })
    const tree = new GroupTree(groups)
    for (let workers = 1; workers <= Math.min(groups, 12); workers++) {
      const shares = [...shareOut(slots, teamOf(workers), group).values()]
      assert.deepEqual(
        shares.flat(),
        Array.from({ length: slots }, (_, i) => i),
      )
      for (const share of shares) {
        assert.ok(share.length > 0)
        assert.equal(share[0]! % group, 0)
        const nodes = tree.cover(share[0]! / group, Math.ceil((share.at(-1)! + 1) / group))
        assert.ok(nodes.length <= 8, `${workers} workers: ${nodes.length} parts`)
        assert.ok(share.length <= 1.25 * (slots / workers) + group, `${workers} workers: a share of ${share.length}`)
      }
    }
  }
})
