// Generated boards are spread as their shuffled or turned copies are: a model that solves unseen ones has not merely learned the
// generator's habits. Compared are counts of a feature among boards and among copies of other boards.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateMaze } from '../../shared/puzzles/generate-maze.js'
import { fullBoard, generateSudoku } from '../../shared/puzzles/generate-sudoku.js'
import { minimalSudoku } from '../../shared/puzzles/hard-sudoku.js'
import { GOAL, START, WALL } from '../../shared/puzzles/maze.js'
import { SudokuSearch } from '../../shared/puzzles/sudoku-search.js'
import { boxOf, drawShuffle, shuffleInto } from '../../shared/puzzles/sudoku.js'
import { rngFor } from '../../shared/rng/counter.js'
import { range } from '../../shared/rng/draws.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { filledInOneOrder } from '../helpers/sudoku.js'

type Feature = (board: Uint8Array) => string

/**
 * How far the counts of two equally large samples are from what one distribution gives, in standard deviations of chi-squared;
 * about 0 for samples of one distribution.
 */
function apart(a: readonly string[], b: readonly string[]): number {
  assert.equal(a.length, b.length)
  const counts = new Map<string, [number, number]>()
  for (const [which, sample] of [a, b].entries())
    for (const key of sample) {
      const pair = counts.get(key) ?? [0, 0]
      pair[which] = pair[which]! + 1
      counts.set(key, pair)
    }
  // Rare values count as one.
  let [rare, chi, cells] = [[0, 0] as [number, number], 0, 0]
  const add = ([x, y]: [number, number]): void => {
    if (x + y === 0) return
    chi += (x - y) ** 2 / (x + y)
    cells++
  }
  for (const pair of counts.values())
    if (pair[0] + pair[1] < 10) rare = [rare[0] + pair[0], rare[1] + pair[1]]
    else add(pair)
  add(rare)
  const free = Math.max(1, cells - 1)
  return (chi - free) / Math.sqrt(2 * free)
}

/** Where the digit of the first cell lies in a row of its own band and in the first row of every other; of 4 x 4 the whole board. */
const places =
  (side: number): Feature =>
  (board) => {
    if (side === 4) return board.join('')
    const [height] = boxOf(side)
    const rows = [1, ...range(side / height - 1).map((band) => height * (band + 1))]
    return rows.map((row) => board.indexOf(board[0]!, row * side) - row * side).join()
  }
/** Which cells of the first row are empty. */
const gaps =
  (side: number): Feature =>
  (board) =>
    [...board.subarray(0, side)].map((digit) => (digit === 0 ? '.' : '#')).join('')

function shuffledCopy(board: Uint8Array, seed: number): Uint8Array {
  const out = new Uint8Array(board.length)
  shuffleInto(out, 0, board, 0, drawShuffle(new Mt19937(seed), Math.sqrt(board.length)))
  return out.map((token) => token - 1)
}

/** Half of the boards as they are against shuffled copies of the other half. */
function againstCopies(boards: readonly Uint8Array[], feature: Feature, copy = shuffledCopy): number {
  const half = boards.length / 2
  return apart(
    boards.slice(0, half).map(feature),
    boards.slice(half).map((board, i) => feature(copy(board, i))),
  )
}

for (const side of [4, 6, 9])
  test(`full Sudokus of ${side} x ${side} are spread as shuffled ones are; filled in one order they are not`, () => {
    const search = new SudokuSearch(side)
    const draw = (make: (i: number) => Uint8Array): Uint8Array[] => range(side === 4 ? 12000 : 3000).map(make)
    const boards = draw((i) => fullBoard(rngFor(1, 'spread', i), search))
    const old = draw((i) => filledInOneOrder(rngFor(1, 'spread', i), side))
    assert.ok(againstCopies(boards, places(side)) < 4)
    assert.ok(againstCopies(old, places(side)) > 20)
  })

test('all 288 full Sudokus of 4 x 4 are drawn, none half or twice as often as it should be', () => {
  const search = new SudokuSearch(4)
  const counts = new Map<string, number>()
  for (let i = 0; i < 288 * 200; i++) {
    const name = fullBoard(rngFor(2, 'all', i), search).join('')
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  assert.equal(counts.size, 288)
  assert.ok(Math.max(...counts.values()) < 400 && Math.min(...counts.values()) > 100)
})

test('of the 39,168 Sudokus of 6 x 6 that begin with 1 to 6, 4,000 draws find nearly as many as if all were as likely', () => {
  const search = new SudokuSearch(6)
  const found = (make: (i: number) => Uint8Array): number =>
    new Set(
      range(4000)
        .map((i) => make(i))
        .map((board) => board.map((digit) => board.indexOf(digit)).join('')),
    ).size
  // 39,168 (1 - e^(-4000 / 39,168)) = 3,802.
  assert.ok(found((i) => fullBoard(rngFor(5, 'classes', i), search)) > 3700)
  assert.ok(found((i) => filledInOneOrder(rngFor(5, 'classes', i), 6)) < 400)
})

test('questions are spread as shuffled ones are, easy and minimal', () => {
  const search = new SudokuSearch(6)
  const easy = range(1600).map((i) => generateSudoku(rngFor(3, 'easy', i), 18, search).question)
  const minimal = range(1600).map((i) => minimalSudoku(rngFor(3, 'minimal', i), search).question)
  for (const boards of [easy, minimal]) {
    assert.ok(againstCopies(boards, gaps(6)) < 4)
    assert.ok(againstCopies(boards.map(topLeftTaken), gaps(6)) > 20, 'a habit would show')
  }
})

const topLeftTaken = (board: Uint8Array): Uint8Array => board.with(0, 0)

test('mazes are spread as turned and mirrored ones are', () => {
  const side = 7
  const turned = (board: Uint8Array, turn: number): Uint8Array =>
    board.map((_, cell) => {
      const [row, col] = [Math.floor(cell / side), cell % side]
      const [r, c] = [turn & 2 ? side - 1 - row : row, turn & 4 ? side - 1 - col : col]
      return board[turn & 1 ? c * side + r : r * side + c]!
    })
  const features: readonly Feature[] = [
    (board) => `${board.indexOf(START)}`,
    (board) => `${board.indexOf(GOAL)}`,
    (board) => [...board.subarray(side, 3 * side)].map((cell) => (cell === WALL ? '#' : ' ')).join(''),
  ]
  for (const trees of ['long', 'any'] as const) {
    const boards = range(6000).map((i) => generateMaze(rngFor(4, 'maze', i), side, trees).question)
    for (const feature of features) assert.ok(againstCopies(boards, feature, turned) < 4)
  }
})

test('of mazes of any tree, the 192 trees of 3 x 3 rooms are as likely as each other; of those with long corridors many are none', () => {
  const counts = (trees: 'long' | 'any'): number[] => {
    const found = new Map<string, number>()
    for (let i = 0; i < 192 * 100; i++) {
      const { question } = generateMaze(rngFor(6, 'trees', i), 5, trees)
      const name = question.map((cell) => (cell === WALL ? 1 : 0)).join('')
      found.set(name, (found.get(name) ?? 0) + 1)
    }
    return [...found.values()]
  }
  const any = counts('any')
  assert.equal(any.length, 192)
  const chi = any.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
  assert.ok(chi < 191 + 4 * Math.sqrt(2 * 191))
  assert.ok(counts('long').length < 192)
})
