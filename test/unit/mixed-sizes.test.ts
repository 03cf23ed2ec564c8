// Boards of several sizes on one canvas: each is asked as it is alone, padding is never asked for, and each size has its accuracy.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BoardDataset } from '../../coordinator/data/board-dataset.js'
import { copiesOf } from '../../coordinator/data/copies.js'
import { generateBoardSplits } from '../../coordinator/data/generated-boards.js'
import { generateMixedBoards } from '../../coordinator/data/mixed-boards.js'
import { boardSide, encodeReferences, squareInto } from '../../coordinator/data/encode.js'
import { compileConfig } from '../../shared/config/compile.js'
import { identityOf } from '../../shared/config/identity.js'
import { isSolvedSudoku } from '../../shared/puzzles/check-sudoku.js'
import { checkMaze } from '../../shared/puzzles/check-maze.js'

const configOf = (preset: 'sudoku-6x6' | 'maze-7x7', flags: Record<string, string>) =>
  compileConfig({ preset, env: {}, flags: { 'data.generatedTasksPerFamily': '1', 'data.generatedFamilies': '12', 'data.generatedTestBoards': '0', ...flags } }) // prettier-ignore

async function setOf(preset: 'sudoku-6x6' | 'maze-7x7', flags: Record<string, string>): Promise<BoardDataset> {
  const { data } = configOf(preset, flags)
  assert.notEqual(data.kind, 'arc')
  const kind = data.kind === 'maze' ? 'maze' : 'sudoku'
  const make = data.sizes === '' ? generateBoardSplits : generateMixedBoards
  return new BoardDataset(kind, await make(kind, data), data)
}

const square = (canvas: Uint8Array, side: number, own: number): Uint8Array => {
  const cells = new Uint8Array(own * own)
  squareInto(cells, 0, own, canvas, side)
  return cells
}

describe('boards of several sizes', () => {
  const SIZES = { 'data.sizes': '4,9,6', 'data.canvas': '9', 'data.augmentations': '3' }

  test('are as many of each, whole in their corner, shuffled within themselves, and padding has no label', async () => {
    const data = await setOf('sudoku-6x6', SIZES)
    const grids = data.grids
    assert.equal(data.lots.length, 36)
    assert.deepEqual([...new Set(grids.sides)], [4, 6, 9])
    for (let board = 0; board < 36; board++) {
      const own = boardSide(grids, board)
      for (const member of [0, 1, 2]) {
        const tokens = encodeReferences(grids, Uint32Array.of(board, member, 7 * member, 0, 0))
        const [inputs, labels] = [tokens.subarray(0, 81), tokens.subarray(81)]
        assert.ok(isSolvedSudoku(square(inputs, 9, own), square(labels, 9, own), own), `${own}, member ${member}`)
        for (const cells of [inputs, labels]) {
          const outside = cells.filter((_, cell) => cell % 9 >= own || cell >= 9 * own)
          assert.ok(outside.every((token) => token === 0))
          assert.ok(square(cells, 9, own).every((token) => token >= 1 && token <= own + 1))
        }
      }
    }
  })

  test('are the boards that each size has alone', async () => {
    const mixed = await setOf('sudoku-6x6', SIZES)
    const alone = await setOf('sudoku-6x6', { 'data.canvas': '4' })
    const reference = (board: number): Uint32Array => Uint32Array.of(board, 0, 0, 0, 0)
    for (let board = 0; board < 12; board++) {
      const tokens = encodeReferences(mixed.grids, reference(3 * board))
      const own = encodeReferences(alone.grids, reference(board))
      assert.deepEqual(square(tokens.subarray(0, 81), 9, 4), own.subarray(0, 16))
    }
    assert.notEqual(mixed.hash, (await setOf('sudoku-6x6', { ...SIZES, 'data.sizes': '6,9' })).hash)
    assert.match(mixed.description, /36 puzzles of 4 x 4, 6 x 6, 9 x 9 on a canvas of 9 x 9/)
  })

  test('are scored together and by size, mazes too; what stands in the padding does not count', async () => {
    for (const [preset, flags, sizes] of [
      ['sudoku-6x6', { 'data.sizes': '4,6', 'data.canvas': '6' }, [4, 6]],
      ['maze-7x7', { 'data.sizes': '5,7', 'data.canvas': '7' }, [5, 7]],
    ] as const) {
      const set = (await setOf(preset, flags)).evaluation({ augmentations: 0, maxPairs: 0 })
      assert.equal(set.rows, 6)
      const scorer = set.scorer()
      for (let row = 0; row < set.rows; row++) {
        const { inputs, labels } = set.row(row)
        // The larger ones are answered with the question, the smaller rightly, with nonsense around them.
        const answer = row % 2 === 0 ? labels.map((token) => (token === 0 ? 5 : token)) : inputs
        scorer.add(row, answer, 0)
      }
      const { score, accuracies } = scorer.finish()
      const found = Object.fromEntries(accuracies.map(({ name, value, trials }) => [name, [value, trials]]))
      assert.equal(score, 0.5)
      assert.deepEqual(found[`exact ${sizes[0]} x ${sizes[0]}`], [1, 3])
      assert.deepEqual(found[`exact ${sizes[1]} x ${sizes[1]}`], [0, 3])
      assert.equal(found[preset === 'maze-7x7' ? 'valid, any shortest path' : 'valid board, givens kept']![0], 0.5)
      assert.equal(set.watch!.about(0).input.length, sizes[0])
    }
  })

  test('have copies that map back to their own answer', async () => {
    for (const [preset, flags] of [
      ['sudoku-6x6', { 'data.sizes': '4,6', 'data.canvas': '6' }],
      ['maze-7x7', { 'data.sizes': '5,7', 'data.canvas': '7' }],
    ] as const) {
      const set = (await setOf(preset, flags)).evaluation({ augmentations: 0, maxPairs: 0 })
      const copies = copiesOf(set, 5, 2)
      for (let question = 0; question < set.rows; question++)
        for (let copy = 0; copy < 5; copy++) {
          const { inputs, labels } = copies.row(question, copy)
          assert.equal(copies.key(question, copy, labels), copies.right(question))
          const side = question % 2 === 0 ? Number(flags['data.sizes'][0]) : Number(flags['data.sizes'][2])
          const canvas = Number(flags['data.canvas'])
          const [asked, answer] = [square(inputs, canvas, side), square(labels, canvas, side)]
          if (preset === 'maze-7x7') assert.equal(checkMaze(asked, answer, side), 'shortest')
          else assert.ok(isSolvedSudoku(asked, answer, side))
        }
    }
  })

  test('are part of the identity only where there are several, and wrong ones are refused in words', () => {
    assert.ok(!('sizes' in identityOf(configOf('sudoku-6x6', {})).data))
    assert.equal(identityOf(configOf('sudoku-6x6', { 'data.sizes': '6,4' })).data.sizes, '4,6')
    const refused: [Record<string, string>, RegExp][] = [
      [{ 'data.sizes': '4,5,6' }, /data\.sizes \(4,5,6\) must be of 4, 6, 9/],
      [{ 'data.sizes': '4', 'data.canvas': '6' }, /data\.canvas \(6\) must be the largest/],
      [{ 'data.sizes': '4,x' }, /sides with commas/],
      [{ 'data.kind': 'arc', 'data.sizes': '6' }, /must be empty but for/],
    ]
    for (const [flags, why] of refused) assert.throws(() => configOf('sudoku-6x6', flags), why)
  })
})
