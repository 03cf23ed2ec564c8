// Sudoku and mazes: the official shuffle (spec 12.1 row 18), tokens, and generated puzzles with one solution.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoardDataset } from '../../coordinator/data/board-dataset.js'
import { generateBoardSplits } from '../../coordinator/data/generated-boards.js'
import { compileConfig } from '../../shared/config/compile.js'
import { generateMaze } from '../../shared/puzzles/generate-maze.js'
import { generateSudoku } from '../../shared/puzzles/generate-sudoku.js'
import { isSolvedSudoku } from '../../shared/puzzles/check-sudoku.js'
import { FREE, GOAL, mazeToken, PATH, START, WALL } from '../../shared/puzzles/maze.js'
import { SudokuSearch } from '../../shared/puzzles/sudoku-search.js'
import { drawShuffle, shuffleInto } from '../../shared/puzzles/sudoku.js'
import { rngFor } from '../../shared/rng/counter.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { countSolutions } from '../helpers/sudoku.js'

test('the Sudoku shuffle of legacy seed 0', () => {
  const shuffle = drawShuffle(new Mt19937(0), 9)
  const shuffled = (board: Uint8Array): number[] => {
    const out = new Uint8Array(81)
    shuffleInto(out, 0, board, 0, shuffle)
    return [...out].map((token) => token - 1)
  }
  const board = shuffled(Uint8Array.from({ length: 81 }, (_, i) => i % 10))
  const solution = shuffled(Uint8Array.from({ length: 81 }, (_, i) => (i % 9) + 1))
  assert.deepEqual(board.slice(0, 9), [5, 2, 9, 7, 1, 4, 6, 8, 0])
  assert.deepEqual(board.slice(72), [6, 1, 0, 8, 2, 3, 5, 7, 9])
  assert.deepEqual(solution.slice(0, 9), [3, 8, 2, 5, 7, 9, 4, 6, 1])
})

test('maze tokens', () => {
  assert.deepEqual([...'# SGo'].map(mazeToken), [WALL, FREE, START, GOAL, PATH])
  assert.equal(mazeToken('x'), undefined)
  assert.equal(mazeToken(''), undefined)
})

test('generated Sudokus are solved, unique, and another for another stream', () => {
  const search = new SudokuSearch(9)
  const made = [0, 1, 2].map((i) => generateSudoku(rngFor(1, 'sudoku', i), 40, search))
  for (const { question, answer } of made) {
    assert.equal(countSolutions(question), 1)
    assert.ok(question.filter((digit) => digit === 0).length >= 30)
    question.forEach((digit, i) => assert.ok(digit === 0 || digit === answer[i]))
    for (let i = 0; i < 9; i++) {
      const unit = (cell: (j: number) => number): number => new Set(Array.from({ length: 9 }, (_, j) => answer[cell(j)])).size // prettier-ignore
      assert.equal(unit((j) => 9 * i + j), 9) // prettier-ignore
      assert.equal(unit((j) => 9 * j + i), 9) // prettier-ignore
      assert.equal(
        unit((j) => 27 * Math.floor(i / 3) + 3 * (i % 3) + 9 * Math.floor(j / 3) + (j % 3)),
        9,
      )
    }
  }
  assert.deepEqual(generateSudoku(rngFor(1, 'sudoku', 0), 40, search), made[0])
  assert.notDeepEqual(made[0], made[1])
  assert.equal(countSolutions(new Uint8Array(81)), 2, 'an empty board has more than one')
})

/** Every way to fill a board that the rules allow, up to `most`, cell after cell: nothing shared with the generator. */
function fillings(cells: Uint8Array, side: number, height: number, width: number, most: number, at = 0): number {
  if (at === cells.length) return 1
  if (cells[at] !== 0) return fillings(cells, side, height, width, most, at + 1)
  const [row, col] = [Math.floor(at / side), at % side]
  let found = 0
  for (let digit = 1; digit <= side && found < most; digit++) {
    const clashes = cells.some((other, cell) => {
      const [r, c] = [Math.floor(cell / side), cell % side]
      const sameBox = Math.floor(r / height) === Math.floor(row / height) && Math.floor(c / width) === Math.floor(col / width) // prettier-ignore
      return other === digit && (r === row || c === col || sameBox)
    })
    if (clashes) continue
    cells[at] = digit
    found += fillings(cells, side, height, width, most - found, at + 1)
    cells[at] = 0
  }
  return found
}

for (const [side, height, width, boards] of [
  [4, 2, 2, 40],
  [6, 2, 3, 20],
] as const)
  test(`generated Sudokus of ${side} x ${side} have one solution, by trying everything, and shuffles keep it so`, () => {
    const search = new SudokuSearch(side)
    for (let i = 0; i < boards; i++) {
      const { question, answer } = generateSudoku(rngFor(3, 'small', i), Math.floor((side * side) / 2), search)
      assert.ok(question.filter((digit) => digit === 0).length >= side)
      question.forEach((digit, cell) => assert.ok(digit === 0 || digit === answer[cell]))
      assert.equal(fillings(answer.slice(), side, height, width, 2), 1)
      assert.equal(fillings(question.slice(), side, height, width, 2), 1)
      const tokens = (board: Uint8Array): Uint8Array => board.map((digit) => digit + 1)
      assert.ok(isSolvedSudoku(tokens(question), tokens(answer), side))
      const [asked, solved] = [question, answer].map((board) => {
        const out = new Uint8Array(side * side)
        shuffleInto(out, 0, board, 0, drawShuffle(new Mt19937(i), side))
        return out
      }) as [Uint8Array, Uint8Array]
      assert.ok(isSolvedSudoku(asked, solved, side))
      assert.equal(
        fillings(
          asked.map((token) => token - 1),
          side,
          height,
          width,
          2,
        ),
        1,
      )
      assert.ok(!isSolvedSudoku(asked, asked, side))
    }
    // All 4 x 4 boards there are: the known number, so that what counts here counts right.
    if (side === 4) assert.equal(fillings(new Uint8Array(16), 4, 2, 2, 1000), 288)
  })

test('no held-out board is among those trained on, and what cannot be had is refused', async () => {
  for (const preset of ['sudoku-4x4', 'maze-7x7'] as const) {
    const { data } = compileConfig({ preset, env: {}, flags: {} })
    const kind = data.kind as 'sudoku' | 'maze'
    const { side, train, test: held } = await generateBoardSplits(kind, data)
    const boards = ({ questions, count }: typeof train): string[] =>
      Array.from({ length: count }, (_, i) => questions.subarray(i * side * side, (i + 1) * side * side).join(''))
    const asked = data.generatedFamilies * data.generatedTasksPerFamily
    // Unless the preset says how many are held out, a quarter as many.
    assert.deepEqual([side, train.count, held.count], [data.canvas, asked, data.generatedTestBoards || asked / 4])
    const shown = new Set(boards(train))
    const unseen = boards(held)
    assert.ok(unseen.every((board) => !shown.has(board)))
    assert.equal(new Set(unseen).size, unseen.length)
    assert.equal(
      new BoardDataset(kind, { side, train, test: held, origin: '', rating: '' }, data).vocab,
      kind === 'maze' ? 6 : 11,
    )
  }
  const flags = { 'data.kind': 'maze', 'data.canvas': '5', 'data.generatedTasksPerFamily': '500', 'data.generatedTestBoards': '0' } // prettier-ignore
  const { data } = compileConfig({ preset: 'maze-7x7', env: {}, flags })
  await assert.rejects(generateBoardSplits('maze', data), /there are not 2500 boards of 5 x 5 that are not trained on/)
})

test('generated mazes have one path, and the answer is it', () => {
  for (const side of [5, 8, 30]) {
    const { question, answer } = generateMaze(rngFor(1, 'maze', side), side)
    assert.deepEqual([START, GOAL].map((token) => question.filter((cell) => cell === token).length), [1, 1]) // prettier-ignore
    const open = (cell: number): boolean => question[cell] !== WALL
    const neighbours = (cell: number): number[] =>
      [
        cell >= side ? cell - side : -1,
        cell + side < side * side ? cell + side : -1,
        cell % side > 0 ? cell - 1 : -1,
        cell % side < side - 1 ? cell + 1 : -1,
      ].filter((other) => other >= 0 && open(other))
    // A connected graph with one edge less than cells is a tree: one path between any two cells.
    const cells = [...question.keys()].filter(open)
    const reached = new Set([question.indexOf(START)])
    for (const cell of reached) for (const next of neighbours(cell)) reached.add(next)
    assert.equal(reached.size, cells.length)
    assert.equal(cells.reduce((sum, cell) => sum + neighbours(cell).length, 0) / 2, cells.length - 1) // prettier-ignore
    // The answer is a chain from start to goal.
    let [at, before, steps] = [question.indexOf(START), -1, 0]
    while (question[at] !== GOAL) {
      const next = neighbours(at).filter((c) => c !== before && (answer[c] === PATH || answer[c] === GOAL))
      assert.equal(next.length, 1)
      ;[before, at] = [at, next[0] as number]
      steps++
    }
    assert.equal(steps - 1, answer.filter((cell) => cell === PATH).length)
    answer.forEach((cell, i) => assert.ok(cell === question[i] || (cell === PATH && question[i] === FREE)))
  }
})
